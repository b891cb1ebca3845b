// Exponential back-off with jitter. Returns delays; never waits.
#pragma once

#include "lib/base/clock.h"

namespace sidestep {

struct BackoffLimits {
  Millis first{100};    // delay before the second attempt
  Millis longest{30'000};
  double factor = 2.0;
};

// The delay after `attempt` failures (0 is the first), with `random` in [0, 1) spreading it over 50 % to 100 %.
Millis backoff_delay(const BackoffLimits& limits, int attempt, double random);

}  // namespace sidestep
