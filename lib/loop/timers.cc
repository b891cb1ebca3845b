#include "lib/loop/timers.h"

#include <algorithm>
#include <bit>

namespace sidestep {

namespace {

void unlink(TimerNode& node) {
  if (node.next == nullptr) return;
  node.previous->next = node.next;
  node.next->previous = node.previous;
  node.previous = node.next = nullptr;
}

void link_before(TimerNode& head, TimerNode& node) {
  node.previous = head.previous;
  node.next = &head;
  head.previous->next = &node;
  head.previous = &node;
}

void make_empty(TimerNode& head) { head.previous = head.next = &head; }

// Moves a whole list to `to`, so that what is put into the slot meanwhile is not seen.
void take_all(TimerNode& from, TimerNode& to) {
  make_empty(to);
  if (from.next == &from) return;
  to.next = from.next;
  to.previous = from.previous;
  to.next->previous = &to;
  to.previous->next = &to;
  make_empty(from);
}

}  // namespace

Timer::~Timer() { unlink(*this); }

TimerWheel::TimerWheel(TimePoint origin) : origin_(origin) {
  for (Level& level : levels_) {
    for (TimerNode& head : level.heads) make_empty(head);
  }
}

TimerWheel::~TimerWheel() {
  for (Level& level : levels_) {
    for (TimerNode& head : level.heads) {
      while (head.next != &head) unlink(*head.next);
    }
  }
}

std::uint64_t TimerWheel::tick_of_deadline(TimePoint deadline) const {
  if (deadline <= origin_) return 0;
  const auto since = deadline - origin_;
  const auto ticks = static_cast<std::uint64_t>(since / kTick);
  return since % kTick == TimePoint::duration::zero() ? ticks : ticks + 1;
}

void TimerWheel::arm(Timer& timer, TimePoint deadline) {
  timer.deadline = deadline;
  const std::uint64_t tick = std::max(tick_of_deadline(deadline), current_ + 1);
  if (timer.next != nullptr && timer.slot_tick <= tick && timer.slot_tick > current_) return;
  unlink(timer);
  insert(timer, tick);
}

void TimerWheel::insert(TimerNode& node, std::uint64_t tick) {
  std::uint64_t ahead = tick - current_;
  constexpr std::uint64_t kFarthest = (std::uint64_t{1} << (kBits * kLevels)) - 1;
  if (ahead > kFarthest) {  // beyond the wheel's 18 hours: looked at again when that slot comes up
    ahead = kFarthest;
    tick = current_ + kFarthest;
  }
  int level = 0;
  while (ahead >= (std::uint64_t{1} << (kBits * (level + 1)))) ++level;
  const std::uint64_t slot = (tick >> (kBits * level)) & (kSlots - 1);
  node.slot_tick = tick;
  Level& chosen = levels_[static_cast<std::size_t>(level)];
  link_before(chosen.heads[slot], node);
  chosen.occupied |= std::uint64_t{1} << slot;
}

std::optional<std::uint64_t> TimerWheel::next_tick() const {
  std::optional<std::uint64_t> soonest;
  for (int level = 0; level < kLevels; ++level) {
    const std::uint64_t occupied = levels_[static_cast<std::size_t>(level)].occupied;
    if (occupied == 0) continue;
    const std::uint64_t base = (current_ >> (kBits * level)) + 1;
    const auto ahead = std::countr_zero(std::rotr(occupied, static_cast<int>(base & (kSlots - 1))));
    const std::uint64_t tick = (base + static_cast<std::uint64_t>(ahead)) << (kBits * level);
    soonest = soonest ? std::min(*soonest, tick) : tick;
  }
  return soonest;
}

std::optional<TimePoint> TimerWheel::next_due() const {
  const auto tick = next_tick();
  if (!tick) return std::nullopt;
  return origin_ + kTick * static_cast<std::int64_t>(*tick);
}

void TimerWheel::advance(TimePoint now) {
  if (now <= origin_) return;
  const auto target = static_cast<std::uint64_t>((now - origin_) / kTick);
  while (true) {
    const auto tick = next_tick();
    if (!tick || *tick > target) break;
    process(*tick);
  }
  current_ = std::max(current_, target);
}

void TimerWheel::process(std::uint64_t tick) {
  current_ = tick;
  for (int level = kLevels - 1; level > 0; --level) {
    const std::uint64_t below = (std::uint64_t{1} << (kBits * level)) - 1;
    if ((tick & below) == 0) cascade(level, tick);
  }
  fire(tick);
}

// The timers of a coarse slot whose time has come move to finer slots, at the earliest to the one about to
// fire.
void TimerWheel::cascade(int level, std::uint64_t tick) {
  Level& from = levels_[static_cast<std::size_t>(level)];
  const std::uint64_t slot = (tick >> (kBits * level)) & (kSlots - 1);
  TimerNode moving;
  take_all(from.heads[slot], moving);
  from.occupied &= ~(std::uint64_t{1} << slot);
  while (moving.next != &moving) {
    TimerNode& node = *moving.next;
    unlink(node);
    if (node.deadline) insert(node, std::max(tick_of_deadline(*node.deadline), tick));
  }
}

void TimerWheel::fire(std::uint64_t tick) {
  const std::uint64_t slot = tick & (kSlots - 1);
  TimerNode due;
  take_all(levels_[0].heads[slot], due);
  levels_[0].occupied &= ~(std::uint64_t{1} << slot);
  while (due.next != &due) {
    TimerNode& node = *due.next;
    unlink(node);
    if (!node.deadline) continue;  // cancelled
    const std::uint64_t wanted = tick_of_deadline(*node.deadline);
    if (wanted > tick) {  // armed again for later
      insert(node, wanted);
      continue;
    }
    node.deadline.reset();
    static_cast<Timer&>(node).on_timer();
  }
}

}  // namespace sidestep
