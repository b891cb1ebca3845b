// Instants as people and the Kubernetes API write them. Pure.
#pragma once

#include <optional>
#include <string_view>

#include "lib/base/clock.h"

namespace sidestep {

// RFC 3339, for instance "2026-11-23T09:30:00Z"; a fraction and an offset are allowed. Nothing for anything
// else. What is later than the year 2200, as "9999-12-31T23:59:59Z" that means never, is read as its
// beginning.
std::optional<WallTime> parse_time(std::string_view text);

}  // namespace sidestep
