// Exponential back-off with jitter. Returns delays; never waits.
#pragma once

#include <string_view>

#include "lib/base/clock.h"

namespace sidestep {

struct BackoffLimits {
  Millis first{100};  // delay before the second attempt
  Millis longest{30'000};
  double factor = 2.0;
};

// The delay after `attempt` failures (0 is the first), with `random` in [0, 1) spreading it over 50 % to 100
// %.
Millis backoff_delay(const BackoffLimits& limits, int attempt, double random);

// A value in [0, 1) that is always the same for a name: spreads the attempts for many names without memory.
double spread_of(std::string_view name);

}  // namespace sidestep
