// A token bucket that says how long to wait. Pure: time is an argument, nothing waits here.
#pragma once

#include <algorithm>

#include "lib/base/clock.h"

namespace sidestep::k8s {

class TokenBucket {
 public:
  // REQUIRES: per_second > 0, burst >= 1.
  TokenBucket(double per_second, double burst) : per_second_(per_second), burst_(burst), tokens_(burst) {}

  // Takes one token, from the future if there is none, and returns after which delay it may be used.
  Millis take(TimePoint now) {
    refill(now);
    tokens_ -= 1;
    return tokens_ >= 0 ? Millis{0} : Millis(static_cast<Millis::rep>(-tokens_ / per_second_ * 1000) + 1);
  }

  // Takes one token if there is one now.
  bool try_take(TimePoint now) {
    refill(now);
    if (tokens_ < 1) return false;
    tokens_ -= 1;
    return true;
  }

 private:
  void refill(TimePoint now) {
    if (last_ != TimePoint{} && now > last_) {
      const double passed = std::chrono::duration<double>(now - last_).count();
      tokens_ = std::min(burst_, tokens_ + passed * per_second_);
    }
    last_ = std::max(last_, now);
  }

  double per_second_;
  double burst_;
  double tokens_;
  TimePoint last_{};
};

}  // namespace sidestep::k8s
