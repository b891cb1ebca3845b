#include "sidecar/core/health.h"

#include <algorithm>

namespace sidestep::sidecar {

namespace {

constexpr Millis kWhileRefused{1};  // timers are coarse: in practice every 4 ms
constexpr Millis kWhileBad{10};     // the app answers, so a probe costs it something
constexpr Millis kSlowStart{50};    // after kImpatient
constexpr Seconds kImpatient{20};

}  // namespace

HealthChange Health::add(ProbeResult result) {
  last_ = result;
  if (result == ProbeResult::kGood) {
    was_good_ = true;
    bad_in_a_row_ = 0;
    good_in_a_row_ = std::min(good_in_a_row_ + 1, readiness_.success_threshold);
    if (is_ready_ || good_in_a_row_ < readiness_.success_threshold) return HealthChange::kNone;
    is_ready_ = was_ready_ = true;
    return HealthChange::kBecameReady;
  }
  good_in_a_row_ = 0;
  bad_in_a_row_ = std::min(bad_in_a_row_ + 1, readiness_.failure_threshold);
  if (!is_ready_ || bad_in_a_row_ < readiness_.failure_threshold) return HealthChange::kNone;
  is_ready_ = false;
  return HealthChange::kBecameUnready;
}

Millis Health::delay(TimePoint now) const {
  if (was_good_) return readiness_.period;
  const Millis eager = now - started_ > kImpatient      ? kSlowStart
                       : last_ == ProbeResult::kRefused ? kWhileRefused
                                                        : kWhileBad;
  return std::min(readiness_.period, eager);
}

}  // namespace sidestep::sidecar
