// Health, restarts, memory, decision log, receipt: the small pure pieces.
#include <gtest/gtest.h>

#include "sidecar/core/explain.h"
#include "sidecar/core/health.h"
#include "sidecar/core/memory_check.h"
#include "sidecar/core/memory_pressure.h"
#include "sidecar/core/receipt.h"
#include "sidecar/core/restart_policy.h"

namespace sidestep::sidecar {
namespace {

using namespace std::chrono_literals;

TEST(HealthTest, ReadyAfterSoManyGoodProbesInARowAndReportedOnce) {
  policy::Readiness readiness;
  readiness.success_threshold = 2;
  Health health(readiness, TimePoint{});
  EXPECT_EQ(health.add(ProbeResult::kGood), HealthChange::kNone);
  EXPECT_EQ(health.add(ProbeResult::kBad), HealthChange::kNone);
  EXPECT_EQ(health.add(ProbeResult::kGood), HealthChange::kNone);
  EXPECT_EQ(health.add(ProbeResult::kGood), HealthChange::kBecameReady);
  EXPECT_EQ(health.add(ProbeResult::kGood), HealthChange::kNone);
}

TEST(HealthTest, UnreadyAfterSoManyBadProbesInARow) {
  Health health(policy::Readiness{}, TimePoint{});
  health.add(ProbeResult::kGood);
  EXPECT_EQ(health.add(ProbeResult::kBad), HealthChange::kNone);
  EXPECT_EQ(health.add(ProbeResult::kRefused), HealthChange::kNone);
  EXPECT_EQ(health.add(ProbeResult::kBad), HealthChange::kBecameUnready);
}

TEST(HealthTest, AFreshGenerationIsLookedAtOftenAndAReadyOneByThePeriod) {
  Health health(policy::Readiness{}, TimePoint{});
  health.add(ProbeResult::kRefused);
  EXPECT_LE(health.delay(TimePoint{}), 4ms);
  health.add(ProbeResult::kBad);
  EXPECT_LE(health.delay(TimePoint{}), 10ms);
  EXPECT_GE(health.delay(TimePoint{1min}), 50ms);
  health.add(ProbeResult::kGood);
  EXPECT_EQ(health.delay(TimePoint{}), 1000ms);
}

TEST(RestartPolicyTest, TheFirstRestartComesAtOnceAndTheSixthNever) {
  RestartPolicy policy;
  TimePoint now{};
  EXPECT_EQ(policy.died(now, 0.5), Millis{0});
  Millis last{0};
  for (int i = 0; i < 4; ++i) {
    const std::optional<Millis> delay = policy.died(now, 0.5);
    ASSERT_TRUE(delay.has_value());
    EXPECT_GT(*delay, last);
    last = *delay;
  }
  EXPECT_FALSE(policy.died(now, 0.5).has_value());
  EXPECT_EQ(policy.died(now + 600s, 0.5), Millis{0});
}

TEST(MemoryCheckTest, ACandidateIsExpectedToNeedWhatActiveNeeds) {
  const auto mib = [](std::uint64_t n) { return n << 20; };
  const auto on = policy::OnMemoryPressure::kRefuse;
  EXPECT_EQ(decide_memory({mib(100), mib(40), mib(60)}, on, false).verdict, MemoryVerdict::kOverlap);
  EXPECT_EQ(decide_memory({mib(100), mib(41), mib(60)}, on, false).verdict, MemoryVerdict::kRefuse);
  EXPECT_EQ(decide_memory({mib(100), mib(41), mib(60)}, policy::OnMemoryPressure::kHold, false).verdict,
            MemoryVerdict::kHold);
  EXPECT_EQ(decide_memory({std::nullopt, mib(41), mib(60)}, on, false).verdict, MemoryVerdict::kOverlap);
  EXPECT_EQ(decide_memory({mib(100), mib(200), mib(60)}, on, true).verdict, MemoryVerdict::kOverlap);
}

TEST(DecisionLogTest, KeepsTheNewestAndNotMore) {
  DecisionLog log(2);
  for (const char* what : {"a", "b", "c"}) log.add({WallTime{}, what, ""});
  ASSERT_EQ(log.view()->size(), 2U);
  EXPECT_EQ(log.view()->front().what, "b");
  EXPECT_EQ(log.view(), log.view());
}

TEST(ReceiptTest, CountsWhatHappenedBetweenTwoPictures) {
  ShardCounters before;
  before.generations.emplace_back().generation = Generation{1};
  before.generations[0].requests = 100;
  before.held_total = 5;
  ShardCounters after = before;
  after.generations[0].requests = 150;
  after.generations[0].by_outcome[static_cast<std::size_t>(Outcome::kAppReset)] = 2;
  after.generations.emplace_back().generation = Generation{2};
  after.generations[1].requests = 7;
  after.generations[1].by_outcome[static_cast<std::size_t>(Outcome::kCut)] =
      1;  // a request that was cut in the middle
  after.generations[1].tunnels_cut = 3;
  after.generations[1].tunnels_told = 3;
  after.without_generation[static_cast<std::size_t>(Outcome::kHoldTimeout)] = 1;
  after.held_total = 9;
  after.retried = 4;
  after.longest_hold_reload_us = 1'001;
  const Receipt receipt = receipt_between(before, after);
  EXPECT_EQ(receipt.requests, (std::map<std::uint32_t, std::uint64_t>{{1, 50}, {2, 7}}));
  EXPECT_EQ(receipt.failed, 4U);
  EXPECT_EQ(receipt.held, 4U);
  EXPECT_EQ(receipt.retried, 4U);
  EXPECT_EQ(receipt.connections_cut, 4U);
  EXPECT_EQ(receipt.tunnels_told, 3U);
  EXPECT_EQ(receipt.longest_hold, 2ms);
}

MemoryPressure pressure_at(MemoryPressure now, std::uint64_t percent) {
  constexpr std::uint64_t kLimit = std::uint64_t{64} << 20;
  return next_pressure(now, {kLimit / 100 * percent + 100'000, kLimit});
}

TEST(MemoryPressureTest, ConnectionsAreGivenUpBeforeRequestsAndThoseBeforeAccepting) {
  EXPECT_EQ(pressure_at(MemoryPressure::kNone, 79), MemoryPressure::kNone);
  EXPECT_EQ(pressure_at(MemoryPressure::kNone, 80), MemoryPressure::kConnections);
  EXPECT_EQ(pressure_at(MemoryPressure::kNone, 90), MemoryPressure::kRequests);
  EXPECT_EQ(pressure_at(MemoryPressure::kConnections, 96), MemoryPressure::kAccepts);
  EXPECT_EQ(pressure_at(MemoryPressure::kNone, 300), MemoryPressure::kAccepts);
}

TEST(MemoryPressureTest, WhatWasGivenUpComesBackFivePointsLower) {
  EXPECT_EQ(pressure_at(MemoryPressure::kAccepts, 91), MemoryPressure::kAccepts);
  EXPECT_EQ(pressure_at(MemoryPressure::kAccepts, 89), MemoryPressure::kRequests);
  EXPECT_EQ(pressure_at(MemoryPressure::kRequests, 76), MemoryPressure::kConnections);
  EXPECT_EQ(pressure_at(MemoryPressure::kAccepts, 10), MemoryPressure::kNone);
}

TEST(MemoryPressureTest, SmallestLimitIsNoDivisionByNothing) {
  EXPECT_EQ(next_pressure(MemoryPressure::kNone, {0, 1}), MemoryPressure::kNone);
  EXPECT_EQ(next_pressure(MemoryPressure::kNone, {200, 1}), MemoryPressure::kAccepts);
}

}  // namespace
}  // namespace sidestep::sidecar
