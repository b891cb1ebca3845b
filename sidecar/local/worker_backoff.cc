#include "sidecar/local/worker_backoff.h"

namespace sidestep::sidecar {

std::optional<Millis> WorkerBackoff::after_crash(Millis ran_for, bool served) {
  if (served && ran_for >= kGoodRun) crashes_ = 0;
  ++crashes_;
  if (crashes_ > give_up_after_) return std::nullopt;
  if (crashes_ == 1) return Millis{0};
  return backoff_delay(limits_, crashes_ - 2, 0.5);
}

}  // namespace sidestep::sidecar
