// A clock that only moves when a test says so.
#pragma once

#include "lib/base/clock.h"

namespace sidestep::test {

class FakeClock final : public Clock {
 public:
  TimePoint steady() const override { return steady_; }
  WallTime wall() const override { return wall_; }
  void advance(Millis by) { steady_ += by, wall_ += by; }

 private:
  TimePoint steady_ = TimePoint{} + std::chrono::hours(1);
  WallTime wall_ = WallTime{} + std::chrono::seconds(1'800'000'000);
};

}  // namespace sidestep::test
