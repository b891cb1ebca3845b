// Instants as people and the Kubernetes API write them. Pure.
#pragma once

#include <optional>
#include <string_view>

#include "lib/base/clock.h"

namespace sidestep {

// RFC 3339, for instance "2026-11-23T09:30:00Z"; a fraction and an offset are allowed. Nothing for anything
// else.
std::optional<WallTime> parse_time(std::string_view text);

}  // namespace sidestep
