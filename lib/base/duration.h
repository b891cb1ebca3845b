// Durations as people write them: "250ms", "30s", "5m", "2h". A bare number is refused, since its unit is a guess.
#pragma once

#include <string>
#include <string_view>

#include "lib/base/clock.h"
#include "lib/base/result.h"

namespace sidestep {

// Accepts a whole number from 0 to 10^12 followed by ms, s, m or h. The error names the value and shows a right one.
Result<Millis> parse_duration(std::string_view text);

// The shortest exact form: 1500 ms is "1500ms", 2000 ms is "2s".
std::string format_duration(Millis duration);

}  // namespace sidestep
