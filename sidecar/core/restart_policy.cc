#include "sidecar/core/restart_policy.h"

namespace sidestep::sidecar {

std::optional<Millis> RestartPolicy::died(TimePoint now, double random) {
  while (!deaths_.empty() && deaths_.front() + limits_.window <= now) deaths_.pop_front();
  const int before = static_cast<int>(deaths_.size());
  if (before >= limits_.most) return std::nullopt;
  deaths_.push_back(now);
  if (before == 0) return Millis{0};
  return backoff_delay(limits_.backoff, before - 1, random);
}

}  // namespace sidestep::sidecar
