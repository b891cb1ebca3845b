// Many changes make one reload: when a wish that keeps changing may be acted upon. Pure; the caller keeps the
// value.
#pragma once

#include <optional>
#include <string>

#include "lib/base/clock.h"

namespace sidestep::policy {

struct Debounce {
  std::string wish;               // the newest
  std::optional<WallTime> first;  // when it began to differ from what is settled; absent: it does not
  WallTime last{};                // when it changed last
};

// After a look that found `wish` while `settled` is what was acted upon last.
Debounce noted(Debounce before, const std::string& wish, const std::string& settled, WallTime now);

// When to act: after `quiet` without a change, but no later than `longest` after the first one. Absent:
// nothing to do.
std::optional<WallTime> due_at(const Debounce& state, Seconds quiet, Seconds longest);

}  // namespace sidestep::policy
