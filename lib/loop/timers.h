// Decides which timers are due. A hierarchical wheel (4 levels of 64 slots, one tick of 4 ms): arm, re-arm
// and cancel are O(1) and allocate nothing. Pure: reads no clock, waits for nothing.
//
// Coarse on purpose: a timer fires at its deadline or up to one tick later, never earlier. Re-arming to a
// later time and cancelling are lazy (one store); the wheel notices when the old slot comes up, so next_due()
// may be early, never late.
//
// Ownership: timers belong to their owner and unlink themselves when destroyed, also from within on_timer().
// Threads: one, that of the loop.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <utility>

#include "lib/base/clock.h"

namespace sidestep {

// The wheel's own fields. Only TimerWheel writes them.
struct TimerNode {
  TimerNode* previous = nullptr;
  TimerNode* next = nullptr;    // nullptr: in no slot
  std::uint64_t slot_tick = 0;  // where it was put; not later than the deadline
  std::optional<TimePoint> deadline;
};

class Timer : public TimerNode {
 public:
  Timer() = default;
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;

  // Called once per arm(), already disarmed, so that it may arm itself again or destroy itself.
  virtual void on_timer() = 0;
  bool is_armed() const { return deadline.has_value(); }

 protected:
  ~Timer();
};

// For owners off the request path: a timer that calls a function.
class FunctionTimer final : public Timer {
 public:
  explicit FunctionTimer(std::function<void()> call) : call_(std::move(call)) {}
  void on_timer() override { call_(); }

 private:
  std::function<void()> call_;
};

class TimerWheel {
 public:
  static constexpr Millis kTick{4};

  explicit TimerWheel(TimePoint origin);
  TimerWheel(const TimerWheel&) = delete;
  TimerWheel& operator=(const TimerWheel&) = delete;
  ~TimerWheel();  // unlinks what is still armed

  // Replaces an earlier deadline. A deadline in the past fires at the next tick.
  void arm(Timer& timer, TimePoint deadline);
  void cancel(Timer& timer) { timer.deadline.reset(); }  // idempotent

  // Calls on_timer() of everything due at `now`, in order of ticks. Timers may be armed, cancelled and
  // destroyed by it.
  void advance(TimePoint now);

  // When to call advance() next; nothing when no timer is armed.
  std::optional<TimePoint> next_due() const;

 private:
  static constexpr int kLevels = 4;
  static constexpr int kBits = 6;
  static constexpr std::uint64_t kSlots = 1U << kBits;

  void insert(TimerNode& node, std::uint64_t tick);
  void process(std::uint64_t tick);
  void cascade(int level, std::uint64_t tick);
  void fire(std::uint64_t tick);
  std::uint64_t tick_of_deadline(TimePoint deadline) const;
  std::optional<std::uint64_t> next_tick() const;

  struct Level {
    std::array<TimerNode, kSlots> heads;  // circular lists
    std::uint64_t occupied = 0;           // a set bit may be stale, a clear one is not
  };

  TimePoint origin_;
  std::uint64_t current_ = 0;  // last tick that was processed
  std::array<Level, kLevels> levels_;
};

}  // namespace sidestep
