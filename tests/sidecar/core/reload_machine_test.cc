// The settled cases of a reload, one test each. No sockets, no processes, no sleeping.
#include <gtest/gtest.h>

#include "tests/sidecar/core/machine_world.h"

namespace sidestep::sidecar {
namespace {

class ReloadMachineTest : public ::testing::Test, public MachineWorld {
 protected:
  void SetUp() override { serve(); }
};

TEST_F(ReloadMachineTest, TrafficMovesOnlyOnceTheCandidateIsReady) {
  ask();
  EXPECT_TRUE(spawned(2));
  EXPECT_EQ(routed(), gen(1));
  on(Ready{gen(2)});
  EXPECT_EQ(routed(), gen(2));
  EXPECT_EQ(phase(), Phase::kDraining);
}

TEST_F(ReloadMachineTest, TheRetiringGenerationIsSignalledOnlyWhenThePlaneSaysIdle) {
  ask(), on(Ready{gen(2)});
  EXPECT_EQ(count<Stop>(), 0U);
  after(29s);
  EXPECT_EQ(count<Stop>(), 0U);
  on(Idle{gen(1)});
  EXPECT_TRUE(stopped(1));
  EXPECT_EQ(phase(), Phase::kServing);
  EXPECT_EQ(last_ended().phase, ReloadPhase::kSucceeded);
}

TEST_F(ReloadMachineTest, AGenerationThatNeverBecomesIdleIsStoppedAtItsDeadline) {
  edit().drain.web_socket_timeout = 60s;
  ask(), on(Ready{gen(2)});
  after(60s);
  EXPECT_FALSE(stopped(1));
  after(1s);
  EXPECT_TRUE(stopped(1));
  EXPECT_EQ(last_ended().phase, ReloadPhase::kSucceeded);
}

TEST_F(ReloadMachineTest, AReloadHasSucceededWhenOnlyTunnelsThatAreKeptAreLeft) {
  ask(), on(Ready{gen(2)});
  Measured measured;
  measured.open = {{gen(1), 3, 2}};
  on(measured);
  EXPECT_EQ(phase(), Phase::kDraining);
  measured.open = {{gen(1), 2, 2}};
  on(measured);
  EXPECT_EQ(last_ended().phase, ReloadPhase::kSucceeded);
  EXPECT_EQ(count<Stop>(), 0U);
}

TEST_F(ReloadMachineTest, ACandidateThatExitsIsReportedWithItsStatusAndLastLines) {
  ask(), on(exited(2, 1));
  EXPECT_EQ(routed(), gen(1));
  EXPECT_EQ(last_ended().reason, ReloadReason::kExitedEarly);
  EXPECT_EQ(last_ended().exit, (ExitStatus{1, 0}));
  EXPECT_EQ(last_ended().output, std::vector<std::string>{"last words"});
}

TEST_F(ReloadMachineTest, ACandidateThatIsLateIsStoppedAndNamesWhy) {
  ask();
  on(Hint{gen(2), ReloadReason::kWrongPort, "listens on port 3000"});
  after(29'999ms);
  EXPECT_EQ(phase(), Phase::kStarting);
  after(1ms);
  EXPECT_TRUE(stopped(2));
  EXPECT_EQ(last_ended().reason, ReloadReason::kWrongPort);
  EXPECT_NE(last_ended().message.find("3000"), std::string::npos);
}

TEST_F(ReloadMachineTest, LateReportsFromACandidateThatWasTakenBackChangeNothing) {
  ask(), after(30s), ask("r2");
  EXPECT_TRUE(spawned(3));
  on(Ready{gen(2)});
  EXPECT_EQ(phase(), Phase::kStarting);
}

TEST_F(ReloadMachineTest, TheSameIdAgainAnswersTheSameAndStartsNothing) {
  ask("x");
  ask("x");
  EXPECT_EQ(did<Accept>()->reload, "x");
  EXPECT_EQ(count<Spawn>(), 2U);  // generation 1, and one candidate
}

TEST_F(ReloadMachineTest, StepsAreWalkedByTheClockAndTheVerdict) {
  steps({{{}, 500, 30s}, {{}, 5000, 60s}, {{}, 10'000, 0s}});
  ask(), on(Ready{gen(2)});
  EXPECT_EQ(routes().candidate_weight, 500);
  on(measured(200, 0));
  after(30s);
  EXPECT_EQ(routes().candidate_weight, 5000);
  after(60s);
  EXPECT_EQ(routed(), gen(2));
}

TEST_F(ReloadMachineTest, TooFewRequestsPassOrHoldAsThePolicySays) {
  edit().analysis.on_no_traffic = policy::OnNoTraffic::kHold;
  edit().rollout.progress_deadline = 100s;
  judge();
  after(30s);
  EXPECT_EQ(phase(), Phase::kJudging);
  EXPECT_GT(*deadline_of(model), now.at);  // no busy waiting
  after(100s);
  EXPECT_EQ(phase(), Phase::kRollingBack);
  EXPECT_EQ(run_of(model.state)->view.reason, ReloadReason::kNoTraffic);
}

TEST_F(ReloadMachineTest, ACandidateWhoseAnswersTakeTooLongIsTakenBackWhereThePolicyHasALimit) {
  edit().analysis.max_latency_increase_percent = 50;
  judge();
  event::Measured slow = measured(200, 0);
  slow.active.latency.buckets[7] = 1'000, slow.active.latency.sum_us = 20'000'000;
  slow.candidate.latency.buckets[9] = 200, slow.candidate.latency.sum_us = 18'000'000;
  on(slow), on(Idle{gen(2)});
  EXPECT_EQ(last_ended().reason, ReloadReason::kLatency);
}

TEST_F(ReloadMachineTest, ABadVerdictSendsEveryRequestBackAtOnceAndClosesTunnelsWith1012) {
  judge(), on(measured(200, 60));
  const RouteTable table = routes();
  EXPECT_EQ(table.candidate_weight, 0);
  ASSERT_EQ(table.closing.size(), 1U);
  EXPECT_EQ(table.closing[0].tunnel_close_code, 1012);
  EXPECT_EQ(*table.closing[0].tunnels_until, now.at + 10s);
  EXPECT_EQ(count<Stop>(), 0U);
  on(Idle{gen(2)});
  EXPECT_TRUE(stopped(2));
  EXPECT_EQ(last_ended().reason, ReloadReason::kErrorRate);
}

TEST_F(ReloadMachineTest, APauseMakesTheStepsTimeStandStill) {
  judge(), on(measured(200, 0));
  after(20s), on(PauseAsked{});
  after(100s);
  EXPECT_EQ(phase(), Phase::kJudging);
  on(ResumeAsked{});
  after(9s);
  EXPECT_EQ(phase(), Phase::kJudging);
  after(1s);
  EXPECT_EQ(phase(), Phase::kDraining);
}

TEST_F(ReloadMachineTest, AnOperatorThatFallsSilentLosesTheCandidate) {
  Asked asked;
  asked.command.id = "m";
  asked.command.managed = true;
  asked.command.deadline = 20s;
  on(asked), on(Ready{gen(2)});
  EXPECT_EQ(routes().candidate_weight, 0);
  on(WeightAsked{{"m", 500}});
  EXPECT_EQ(routes().candidate_weight, 500);
  after(19s), on(WeightAsked{{"m", 5000}}), after(19s);
  EXPECT_EQ(phase(), Phase::kJudging);
  after(1s);
  EXPECT_EQ(run_of(model.state)->view.reason, ReloadReason::kOperatorSilent);
}

TEST_F(ReloadMachineTest, ActiveThatDiesInJudgingIsRestartedAndOnlyForcePromotes) {
  judge(), on(exited(1, 0, 9)), after(0ms);
  EXPECT_TRUE(spawned(3));
  EXPECT_EQ(routed(), Generation::kNone);
  on(PromoteAsked{});
  EXPECT_NE(did<Refuse>(), nullptr);
  after(300ms);  // the step's time does not promote it either
  EXPECT_EQ(phase(), Phase::kJudging);
  on(PromoteAsked{{{}, true}});
  EXPECT_EQ(routed(), gen(2));
}

TEST_F(ReloadMachineTest, ANewActiveThatDiesInItsDrainIsReplacedByTheRetiringOneAtOnce) {
  ask(), on(Ready{gen(2)}), on(exited(2, 1));
  EXPECT_EQ(routed(), gen(1));
  EXPECT_EQ(last_ended().phase, ReloadPhase::kFailed);
  EXPECT_EQ(last_ended().reason, ReloadReason::kActiveDied);
}

TEST_F(ReloadMachineTest, AWarmGenerationTakesOverWithinTheRollbackWindowAndNotAfterIt) {
  edit().strategy.rollback_window = 300s;
  ask(), on(Ready{gen(2)}), on(Idle{gen(1)});
  EXPECT_EQ(phase(), Phase::kServing);
  EXPECT_EQ(count<Stop>(), 0U);
  MachineWorld later = *this;
  after(299s), on(exited(2, 1));
  EXPECT_EQ(routed(), gen(1));
  later.after(300s);
  EXPECT_TRUE(later.stopped(1));
  later.on(exited(2, 1));
  EXPECT_EQ(later.phase(), Phase::kHolding);
}

TEST_F(ReloadMachineTest, RestartsRunOnTheGoodSnapshotWithThePromotedCommand) {
  Asked asked;
  asked.command.command = {"better"};
  asked.command.env = {{"K", "v"}};
  on(asked), on(Ready{gen(2)}), on(Idle{gen(1)}), on(exited(1, 0));
  ask("bad"), on(exited(3, 1));
  on(exited(2, 1)), after(0ms);
  const Spawn* spawn = did<Spawn>();
  ASSERT_NE(spawn, nullptr);
  EXPECT_EQ(spawn->member.generation, gen(4));
  EXPECT_EQ(spawn->member.snapshot_of, gen(2));
  EXPECT_EQ(spawn->member.recipe.command, std::vector<std::string>{"better"});
  EXPECT_EQ(spawn->member.recipe.env, (EnvList{{"K", "v"}}));
}

TEST_F(ReloadMachineTest, ActiveIsGivenUpAfterFiveRestartsInTenMinutes) {
  for (std::uint32_t n = 1; n <= 5; ++n) {
    on(exited(n, 7)), after(31s), on(Ready{gen(n + 1)});
    EXPECT_EQ(phase(), Phase::kServing) << n;
  }
  on(exited(6, 7));
  ASSERT_NE(did<EndContainer>(), nullptr);
  EXPECT_EQ(did<EndContainer>()->exit.status, 7);
  on(LauncherLost{});
  on(LauncherUp{});  // the container was restarted by whoever supervises it
  after(0ms);
  on(Ready{gen(7)});
  EXPECT_EQ(phase(), Phase::kServing);
}

TEST_F(ReloadMachineTest, ASecondReloadSupersedesTheDrainOfTheFirst) {
  ask("a"), on(Ready{gen(2)}), ask("b");
  EXPECT_EQ(last_ended().phase, ReloadPhase::kSuperseded);
  on(Ready{gen(3)});
  EXPECT_EQ(routes().closing.size(), 2U);
}

TEST_F(ReloadMachineTest, BeyondMaxRetiringTheOldestIsClosed) {
  edit().drain.max_retiring = 1;
  ask("a"), on(Ready{gen(2)}), ask("b"), on(Ready{gen(3)});
  const RouteTable table = routes();
  ASSERT_EQ(table.closing.size(), 2U);
  EXPECT_EQ(*table.closing[0].requests_until, now.at + 10s);
  EXPECT_EQ(table.closing[0].tunnel_close_code, 1012);
  EXPECT_EQ(table.closing[1].tunnel_close_code, 0);
}

TEST_F(ReloadMachineTest, HoldStopsActiveFirstAndStartsTheCandidateWhenItIsGone) {
  edit().strategy.type = policy::StrategyType::kHold;
  ask();
  EXPECT_EQ(routed(), Generation::kNone);
  EXPECT_EQ(did<Spawn>(), nullptr);
  on(Idle{gen(1)});
  EXPECT_TRUE(stopped(1));
  on(exited(1, 0));
  EXPECT_TRUE(spawned(2));
  on(Ready{gen(2)});
  EXPECT_EQ(routed(), gen(2));
  EXPECT_EQ(last_ended().phase, ReloadPhase::kSucceeded);
}

TEST_F(ReloadMachineTest, AFailedHoldBringsThePreviousGenerationBackWithItsSnapshot) {
  edit().strategy.type = policy::StrategyType::kHold;
  ask(), on(Idle{gen(1)}), on(exited(1, 0)), on(exited(2, 1)), after(0ms);
  EXPECT_TRUE(spawned(3));
  EXPECT_EQ(did<Spawn>()->member.snapshot_of, gen(1));
  on(Ready{gen(3)});
  EXPECT_EQ(routed(), gen(3));
}

TEST_F(ReloadMachineTest, HoldStartsTheCandidateOnlyWhenNothingOfActiveIsLeftThatCouldHoldALock) {
  edit().strategy.type = policy::StrategyType::kHold;
  ask(), on(Idle{gen(1)}), on(exited_first(1, 0));
  EXPECT_EQ(did<Spawn>(), nullptr);
  EXPECT_EQ(phase(), Phase::kStarting);
  on(Gone{gen(1)});
  EXPECT_TRUE(spawned(2));
}

TEST_F(ReloadMachineTest, WhatNeverGoesIsWaitedForTenSecondsAtMost) {
  edit().strategy.type = policy::StrategyType::kHold;
  ask(), on(Idle{gen(1)}), on(exited_first(1, 0));
  EXPECT_EQ(deadline_of(model), now.at + 10s);
  after(9999ms);
  EXPECT_EQ(did<Spawn>(), nullptr);
  after(1ms);
  EXPECT_TRUE(spawned(2));
}

TEST_F(ReloadMachineTest, ACrashUnderHoldIsFollowedByARestartWhenNothingIsLeft) {
  edit().strategy.type = policy::StrategyType::kHold;
  on(exited_first(1, 1)), after(1s);
  EXPECT_EQ(count<Spawn>(), 1U);
  EXPECT_GT(*deadline_of(model), now.at);  // nothing spins meanwhile
  on(Gone{gen(1)});
  EXPECT_TRUE(spawned(2));
}

TEST_F(ReloadMachineTest, ACrashUnderOverlapDoesNotWaitForWhatIsLeft) {
  on(exited_first(1, 1)), after(1s);
  EXPECT_EQ(count<Spawn>(), 2U);
}

TEST_F(ReloadMachineTest, AFailedHoldWaitsForTheCandidateToGoBeforeThePreviousOneIsBack) {
  edit().strategy.type = policy::StrategyType::kHold;
  ask(), on(Idle{gen(1)}), on(exited(1, 0)), on(AbortAsked{});
  EXPECT_TRUE(stopped(2));
  after(0ms);
  EXPECT_EQ(count<Spawn>(), 2U);
  on(exited_first(2, 0)), after(1s);
  EXPECT_EQ(count<Spawn>(), 2U);
  on(Gone{gen(2)});
  EXPECT_TRUE(spawned(3));
}

TEST_F(ReloadMachineTest, TheNextWorkerIsToldWhatIsStillLeaving) {
  edit().strategy.type = policy::StrategyType::kHold;
  on(exited(1, 1)), on(LauncherLost{}), on(LauncherUp{{}, {}, {gen(1)}}), after(1s);
  EXPECT_EQ(count<Spawn>(), 1U);
  on(Gone{gen(1)});
  EXPECT_TRUE(spawned(2));
}

TEST_F(ReloadMachineTest, ACandidateWhoseContainerWentAwayIsSaidToHaveGoneWithIt) {
  ask(), on(LauncherLost{}), after(3000ms);
  EXPECT_EQ(last_ended().reason, ReloadReason::kLauncherLost);
  EXPECT_FALSE(last_ended().exit.has_value());
}

TEST_F(ReloadMachineTest, MemoryPressureRefusesOverlapUnlessForced) {
  Asked asked;
  asked.memory = {std::uint64_t{100} << 20, std::uint64_t{80} << 20, std::uint64_t{60} << 20};
  on(asked);
  EXPECT_EQ(last_ended().reason, ReloadReason::kMemoryPressure);
  EXPECT_EQ(did<Spawn>(), nullptr);
  asked.command.force = true;
  on(asked);
  EXPECT_EQ(phase(), Phase::kStarting);
}

TEST_F(ReloadMachineTest, AReloadAskedForWhileActiveIsDownIsPromotedAsSoonAsItIsReady) {
  steps({{{}, 500, 30s}});
  on(exited(1, 1)), after(0ms), on(exited(2, 1));
  ask();
  EXPECT_EQ(phase(), Phase::kStarting);
  on(Ready{gen(3)});
  EXPECT_EQ(routed(), gen(3));
}

TEST_F(ReloadMachineTest, ALostLauncherThatStaysAwayTookEveryGenerationWithIt) {
  on(LauncherLost{}), after(2999ms);
  EXPECT_EQ(phase(), Phase::kServing);
  after(1ms);
  EXPECT_EQ(phase(), Phase::kHolding);
  EXPECT_EQ(did<Spawn>(), nullptr);
  on(LauncherUp{});
  after(0ms);
  EXPECT_EQ(count<Spawn>(), 2U);
}

TEST_F(ReloadMachineTest, ALauncherThatComesBackWithTheAppChangesNothing) {
  on(LauncherLost{}), after(50ms), on(LauncherUp{{gen(1)}, {}});
  EXPECT_EQ(phase(), Phase::kServing);
  EXPECT_EQ(count<Spawn>(), 1U);
}

TEST_F(ReloadMachineTest, WhatTheLauncherRunsAndNobodyKnowsIsStopped) {
  on(LauncherUp{{gen(1), gen(8)}, {}});
  EXPECT_TRUE(stopped(8));
  EXPECT_FALSE(stopped(1));
}

TEST_F(ReloadMachineTest, SnapshotsAreForgottenWhenNobodyRunsOnThemAnyMore) {
  ask(), on(Ready{gen(2)}), on(Idle{gen(1)});
  EXPECT_EQ(count<ForgetSnapshot>(), 0U);
  on(exited(1, 0));
  ASSERT_NE(did<ForgetSnapshot>(), nullptr);
  EXPECT_EQ(did<ForgetSnapshot>()->generation, gen(1));
}

TEST_F(ReloadMachineTest, TheReceiptTellsOverheadApartFromTheAppsOwnStart) {
  ask(), after(1200ms), on(Ready{gen(2)}), after(40ms), on(Idle{gen(1)});
  const Receipt& receipt = last_ended().receipt;
  EXPECT_EQ(receipt.start, 1200ms);
  EXPECT_EQ(receipt.drain, 40ms);
  EXPECT_EQ(receipt.total, 1240ms);
  EXPECT_EQ(receipt.overhead, 0ms);
}

}  // namespace
}  // namespace sidestep::sidecar
