#include "sidecar/launch/end_policy.h"

#include <algorithm>

namespace sidestep::launch {

namespace {

EndDecision stop_from(TimePoint stop_at, Millis kill_after, TimePoint now) {
  if (now < stop_at) return {EndDecision::kNothing, Millis{0}, stop_at};
  return {EndDecision::kStopAll, std::max(kill_after, Millis{1}), std::nullopt};
}

}  // namespace

EndDecision decide_end(const EndSettings& settings, const EndFacts& facts, TimePoint now) {
  const Millis quarter = settings.grace / 4;
  if (facts.is_stopping)
    return {facts.is_empty ? EndDecision::kExit : EndDecision::kNothing, Millis{0}, std::nullopt};
  if (facts.term_at) {
    const TimePoint last = *facts.term_at + settings.grace - std::min(settings.reserve, quarter);
    if (facts.is_connected) return stop_from(last, Millis{1}, now);
    if (facts.is_empty) return {EndDecision::kExit, Millis{0}, std::nullopt};
    const TimePoint waited = std::max(*facts.term_at, facts.lost_at) + std::min(settings.proxy_wait, quarter);
    return stop_from(std::min(waited, last), std::chrono::duration_cast<Millis>(last - now), now);
  }
  if (facts.is_connected || settings.abandon_after == Millis{0}) return {};
  return stop_from(facts.lost_at + settings.abandon_after, settings.abandon_stop, now);
}

}  // namespace sidestep::launch
