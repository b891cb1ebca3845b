// When a reload may start: windows of the week, freezes, approvals and a minimum interval, and whether the
// first two let one start now. Guards decide about the start alone: what runs is not stopped by a window that
// closes or a freeze that begins, since half a reload is the worst of both. A sidecar ignores them. Pure but
// for the time zone database.
#pragma once

#include <bitset>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "lib/base/clock.h"
#include "lib/base/result.h"

namespace sidestep::policy {

inline constexpr std::size_t kMostWindows = 16;
inline constexpr std::size_t kMostFreezes = 16;
inline constexpr int kDayMinutes = 1440;

// Open while the clock of its zone shows a time in it: where the clock is put back, both times count.
struct Window {
  std::string name;
  std::bitset<7> days{};  // on which it begins; 0: Sunday. None: every day
  int start = 0;          // minutes from midnight, 0..1439
  int end = kDayMinutes;  // 0..1440, not `start`; before it: of the next day
  std::string time_zone = "UTC";
};

struct Freeze {
  std::string name;
  WallTime start{};
  WallTime end{};  // after `start`; no longer frozen
  std::string reason;
};

struct Approvals {
  int required = 0;          // distinct people; 0: none are asked for, up to 10
  Seconds deadline{86'400};  // from the Reload's creation; 1..2592000
};

struct Guards {
  std::vector<Window> windows;  // none: always open
  std::vector<Freeze> freezes;
  Approvals approvals;
  Seconds minimum_interval{0};  // from the end of a reload to the start of the next; 0..604800

  bool has_times() const { return !windows.empty() || !freezes.empty(); }
};

struct StartLook {
  enum class State : std::uint8_t { kOpen, kNoWindow, kFreeze };
  State state = State::kOpen;
  std::string what;               // the open window, the next one, or the freeze and its reason
  std::optional<WallTime> opens;  // both windows and freezes let a reload start; absent when open
};

// Error: a window's time zone is not known; the detail names window and zone.
Status check_zones(const Guards& guards);
// The same error.
Result<StartLook> start_look(const Guards& guards, WallTime now);

}  // namespace sidestep::policy
