// The wheel against a hand-moved clock: nothing early, nothing lost, nothing called after cancel or
// destruction.
#include "lib/loop/timers.h"

#include <gtest/gtest.h>

#include <memory>
#include <random>
#include <vector>

namespace sidestep {
namespace {

using namespace std::chrono_literals;

class TimersTest : public ::testing::Test {
 protected:
  struct Probe final : Timer {
    explicit Probe(const TimePoint& now) : clock(now) {}
    void on_timer() override { fired_at.push_back(clock); }
    const TimePoint& clock;
    std::vector<TimePoint> fired_at;
  };

  void advance_to(TimePoint time) {
    now_ = time;
    wheel_.advance(now_);
  }
  void after(Millis delay) { advance_to(now_ + delay); }

  TimePoint now_{TimePoint{} + 1h};
  const TimePoint start_ = now_;
  TimerWheel wheel_{now_};
};

TEST_F(TimersTest, FiresAtItsDeadlineAndNotAMillisecondBefore) {
  Probe probe(now_);
  wheel_.arm(probe, now_ + 8ms);
  after(7ms);
  EXPECT_TRUE(probe.fired_at.empty());
  after(1ms);
  EXPECT_EQ(probe.fired_at.size(), 1U);
  EXPECT_FALSE(probe.is_armed());
}

TEST_F(TimersTest, ADeadlineBetweenTicksFiresAtTheNextTick) {
  Probe probe(now_);
  wheel_.arm(probe, now_ + 5ms);
  after(7ms);
  EXPECT_TRUE(probe.fired_at.empty());
  after(1ms);
  EXPECT_EQ(probe.fired_at.size(), 1U);
}

TEST_F(TimersTest, ADeadlineInThePastFiresAtTheNextTick) {
  Probe probe(now_);
  after(100ms);
  wheel_.arm(probe, start_);
  after(4ms);
  EXPECT_EQ(probe.fired_at.size(), 1U);
}

TEST_F(TimersTest, CancelledTimerDoesNotFireAndCanBeArmedAgain) {
  Probe probe(now_);
  wheel_.arm(probe, now_ + 8ms);
  wheel_.cancel(probe);
  after(20ms);
  EXPECT_TRUE(probe.fired_at.empty());
  wheel_.arm(probe, now_ + 8ms);
  after(8ms);
  EXPECT_EQ(probe.fired_at.size(), 1U);
}

TEST_F(TimersTest, ReArmingLaterMovesTheDeadline) {
  Probe probe(now_);
  wheel_.arm(probe, now_ + 8ms);
  wheel_.arm(probe, now_ + 10s);
  after(9'999ms);
  EXPECT_TRUE(probe.fired_at.empty());
  after(4ms);
  EXPECT_EQ(probe.fired_at.size(), 1U);
}

TEST_F(TimersTest, ReArmingEarlierMovesTheDeadline) {
  Probe probe(now_);
  wheel_.arm(probe, now_ + 10s);
  wheel_.arm(probe, now_ + 8ms);
  after(8ms);
  EXPECT_EQ(probe.fired_at.size(), 1U);
}

TEST_F(TimersTest, DestroyedTimerIsForgotten) {
  auto probe = std::make_unique<Probe>(now_);
  wheel_.arm(*probe, now_ + 8ms);
  probe.reset();
  after(1h);
  EXPECT_FALSE(wheel_.next_due());
}

TEST_F(TimersTest, ATimerMayDestroyAnotherThatIsDueInTheSameTick) {
  Probe* victim = new Probe(now_);
  FunctionTimer killer([&] {
    delete victim;
    victim = nullptr;
  });
  wheel_.arm(killer, now_ + 8ms);
  wheel_.arm(*victim, now_ + 8ms);
  after(8ms);
  EXPECT_EQ(victim, nullptr);
}

TEST_F(TimersTest, ATimerThatArmsItselfForNowDoesNotSpin) {
  int calls = 0;
  FunctionTimer again([&] {
    ++calls;
    wheel_.arm(again, now_);
  });
  wheel_.arm(again, now_ + 4ms);
  after(4ms);
  EXPECT_EQ(calls, 1);
}

TEST_F(TimersTest, NextDueIsNeverLaterThanTheSoonestDeadline) {
  Probe soon(now_), late(now_);
  wheel_.arm(late, now_ + 5min);
  wheel_.arm(soon, now_ + 90s);
  ASSERT_TRUE(wheel_.next_due());
  EXPECT_LE(*wheel_.next_due(), now_ + 90s);
  EXPECT_GT(*wheel_.next_due(), now_);
}

// Follows next_due() as the loop does: each deadline is met within a tick, from 1 ms to three days.
TEST_F(TimersTest, EveryDistanceFiresOnceWithinOneTick) {
  std::mt19937 random(20261123);
  std::vector<std::unique_ptr<Probe>> probes;
  std::vector<TimePoint> deadlines;
  for (int i = 0; i < 2000; ++i) {
    const auto scale = std::uniform_int_distribution<int>(0, 28)(random);
    const Millis delay{1 + std::uniform_int_distribution<std::int64_t>(0, std::int64_t{1} << scale)(random)};
    probes.push_back(std::make_unique<Probe>(now_));
    deadlines.push_back(start_ + delay);
    wheel_.arm(*probes.back(), deadlines.back());
  }
  for (int turns = 0; wheel_.next_due(); ++turns) {
    ASSERT_LT(turns, 100'000);
    advance_to(*wheel_.next_due());
  }
  for (std::size_t i = 0; i < probes.size(); ++i) {
    ASSERT_EQ(probes[i]->fired_at.size(), 1U);
    EXPECT_GE(probes[i]->fired_at[0], deadlines[i]);
    EXPECT_LT(probes[i]->fired_at[0], deadlines[i] + TimerWheel::kTick);
  }
}

}  // namespace
}  // namespace sidestep
