// The only header that names a standard clock. Pure code takes `now` as an argument instead.
#pragma once

#include <chrono>
#include <string>

namespace sidestep {

using TimePoint = std::chrono::steady_clock::time_point;   // for deadlines and durations
using WallTime = std::chrono::system_clock::time_point;    // for people and records
using Millis = std::chrono::milliseconds;
using Seconds = std::chrono::seconds;

class Clock {
 public:
  virtual ~Clock() = default;
  virtual TimePoint steady() const = 0;
  virtual WallTime wall() const = 0;
};

// The machine's clocks. Stateless; any thread.
const Clock& system_clock();

// RFC 3339 in UTC with milliseconds, for instance "2026-11-23T09:30:00.125Z".
std::string format_time(WallTime time);

}  // namespace sidestep
