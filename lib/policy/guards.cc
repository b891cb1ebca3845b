#include "lib/policy/guards.h"

#include <algorithm>

#include "lib/policy/time_zone.h"

namespace sidestep::policy {
namespace {

// A window that lies in a gap of the clock is open on no day of that week.
constexpr int kLookAheadDays = 15;

struct Span {
  WallTime begin;
  WallTime end;
  std::string window;
};

Result<TimeZone> zone_of(const Window& window) {
  auto zone = TimeZone::find(window.time_zone);
  if (!zone) return invalid("windows: " + window.name + ": " + zone.error().detail);
  return zone;
}

// When the windows are open, from the day before `now` on.
Result<std::vector<Span>> spans_of(const std::vector<Window>& windows, WallTime now) {
  std::vector<Span> spans;
  for (const Window& window : windows) {
    const auto zone = zone_of(window);
    if (!zone) return zone.error();
    const std::chrono::local_days today = zone->day_of(now);
    for (int i = -1; i <= kLookAheadDays; ++i) {
      const std::chrono::local_days day = today + std::chrono::days(i);
      if (window.days.any() && !window.days.test(std::chrono::weekday(day).c_encoding())) continue;
      const int over_midnight = window.end <= window.start ? 1 : 0;
      const Span span{zone->first(day, window.start),
                      zone->last(day + std::chrono::days(over_midnight), window.end), window.name};
      if (span.begin < span.end) spans.push_back(span);
    }
  }
  return spans;
}

const Span* open_at(const std::vector<Span>& spans, WallTime time) {
  const auto found = std::find_if(spans.begin(), spans.end(),
                                  [&](const Span& span) { return span.begin <= time && time < span.end; });
  return found == spans.end() ? nullptr : &*found;
}

const Span* next_after(const std::vector<Span>& spans, WallTime time) {
  const Span* next = nullptr;
  for (const Span& span : spans)
    if (span.begin > time && (next == nullptr || span.begin < next->begin)) next = &span;
  return next;
}

const Freeze* frozen_at(const std::vector<Freeze>& freezes, WallTime time) {
  const auto found = std::find_if(freezes.begin(), freezes.end(), [&](const Freeze& freeze) {
    return freeze.start <= time && time < freeze.end;
  });
  return found == freezes.end() ? nullptr : &*found;
}

// The first moment from `from` on at which no freeze holds and a window is open. Each turn passes a freeze or
// reaches the beginning of a window, which only a freeze can make worthless.
Result<std::optional<WallTime>> next_opening(const Guards& guards, WallTime from) {
  WallTime time = from;
  for (std::size_t turn = 0; turn <= 2 * guards.freezes.size() + 1; ++turn) {
    if (const Freeze* freeze = frozen_at(guards.freezes, time)) {
      time = freeze->end;
      continue;
    }
    if (guards.windows.empty()) return std::optional(time);
    const auto spans = spans_of(guards.windows, time);
    if (!spans) return spans.error();
    if (open_at(*spans, time) != nullptr) return std::optional(time);
    const Span* next = next_after(*spans, time);
    if (next == nullptr) break;
    time = next->begin;
  }
  return std::optional<WallTime>();
}

}  // namespace

Status check_zones(const Guards& guards) {
  for (const Window& window : guards.windows)
    if (const auto zone = zone_of(window); !zone) return zone.error();
  return {};
}

Result<StartLook> start_look(const Guards& guards, WallTime now) {
  StartLook look;
  const auto spans = spans_of(guards.windows, now);
  if (!spans) return spans.error();
  const auto opens = next_opening(guards, now);
  if (!opens) return opens.error();
  if (const Freeze* freeze = frozen_at(guards.freezes, now)) {
    look.state = StartLook::State::kFreeze;
    look.what = "freeze " + freeze->name + (freeze->reason.empty() ? "" : " (" + freeze->reason + ")");
    look.opens = *opens;
  } else if (const Span* open = open_at(*spans, now)) {
    look.what = "window " + open->window + " is open";
  } else if (!guards.windows.empty()) {
    look.state = StartLook::State::kNoWindow;
    const Span* next = next_after(*spans, now);
    look.what = "no window is open" + (next == nullptr ? "" : "; the next is " + next->window);
    look.opens = *opens;
  } else {
    look.what = "no freeze holds";
  }
  return look;
}

}  // namespace sidestep::policy
