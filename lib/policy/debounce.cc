#include "lib/policy/debounce.h"

#include <algorithm>

namespace sidestep::policy {

Debounce noted(Debounce before, const std::string& wish, const std::string& settled, WallTime now) {
  if (wish == settled) return {wish, std::nullopt, {}};
  if (before.first) {  // a clock that was set back makes nothing wait for it
    before.first = std::min(*before.first, now);
    before.last = std::min(before.last, now);
  }
  if (before.first && before.wish == wish) return before;
  return {wish, before.first.value_or(now), now};
}

std::optional<WallTime> due_at(const Debounce& state, Seconds quiet, Seconds longest) {
  if (!state.first) return std::nullopt;
  return std::min(state.last + quiet, *state.first + longest);
}

}  // namespace sidestep::policy
