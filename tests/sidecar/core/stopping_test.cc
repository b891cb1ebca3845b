// The end, in its stages: SIGTERM, the pod's end, a container that restarts.
#include <gtest/gtest.h>

#include "tests/sidecar/core/machine_world.h"

namespace sidestep::sidecar {
namespace {

class StoppingTest : public ::testing::Test, public MachineWorld {
 protected:
  void SetUp() override { serve(); }
  Measured traffic(std::uint64_t requests) {
    Measured m;
    m.requests = requests;
    return m;
  }
  StopStage stage() const { return std::get<Stopping>(model.state).stage; }
};

TEST_F(StoppingTest, APodsEndServesOnUntilNoRequestComesThenDrainsThenStops) {
  on(PodEnding{});
  EXPECT_EQ(routed(), gen(1));
  EXPECT_TRUE(routes().announce_close);
  after(2s), on(traffic(5)), after(2s);
  EXPECT_EQ(stage(), StopStage::kQuieting);
  after(1s);
  EXPECT_EQ(stage(), StopStage::kDraining);
  EXPECT_TRUE(routes().refuse);
  EXPECT_EQ(routes().closing.at(0).tunnel_close_code, 1001);
  on(Idle{gen(1)});
  EXPECT_TRUE(stopped(1));
  EXPECT_EQ(did<PodMayGo>(), nullptr);
  on(exited(1, 0));
  EXPECT_NE(did<PodMayGo>(), nullptr);
  EXPECT_NE(did<EndContainer>(), nullptr);
}

TEST_F(StoppingTest, ThousandsOfSilentClientsAreLetGoAtAPaceBeforeTheDrainAndAreStillServed) {
  on(PodEnding{});
  Measured idle = traffic(5);
  idle.clients = 5'000;
  on(idle), after(3s);
  EXPECT_EQ(stage(), StopStage::kQuieting);
  EXPECT_EQ(routes().release_by, now.at + 2s);
  EXPECT_EQ(routed(), gen(1));
  after(1900ms), on(idle);
  EXPECT_EQ(stage(), StopStage::kQuieting);
  after(100ms);
  EXPECT_EQ(stage(), StopStage::kDraining);
}

TEST_F(StoppingTest, LettingClientsGoIsBounded) {
  on(PodEnding{});
  Measured many = traffic(5);
  many.clients = 1'000'000;
  on(many), after(3s);
  EXPECT_EQ(routes().release_by, now.at + 3s);
}

TEST_F(StoppingTest, EndlessTrafficCannotKeepAPodAlive) {
  on(PodEnding{});
  std::uint64_t requests = 0;
  for (int i = 0; i < 115; ++i) after(100ms), on(traffic(++requests));
  EXPECT_NE(stage(), StopStage::kQuieting);
}

TEST_F(StoppingTest, AnAppThatIgnoresTheSignalDoesNotHoldUpThePod) {
  on(PodEnding{}), after(3s), on(Idle{gen(1)});
  after(27s);
  EXPECT_NE(did<PodMayGo>(), nullptr);
}

TEST_F(StoppingTest, TheSidecarsOwnSigtermEndsItAfterThePodsEndAndNotBefore) {
  on(PodEnding{}), after(3s), on(Term{});
  EXPECT_EQ(did<Quit>(), nullptr);
  on(Idle{gen(1)}), on(exited(1, 0));
  EXPECT_NE(did<Quit>(), nullptr);
}

TEST_F(StoppingTest, SigtermOfTheSidecarAloneLeavesTheAppForTheNextProxy) {
  on(Term{});
  EXPECT_EQ(stage(), StopStage::kDraining);
  on(Idle{gen(1)});
  EXPECT_NE(did<Quit>(), nullptr);
  EXPECT_EQ(count<Stop>(), 0U);
}

TEST_F(StoppingTest, SigtermOfSidestepRunStopsTheAppAndEnds) {
  model.settings.run_mode = true;
  on(Term{}), on(Idle{gen(1)});
  EXPECT_TRUE(stopped(1));
  on(exited(1, 0));
  EXPECT_NE(did<Quit>(), nullptr);
}

TEST_F(StoppingTest, InAnyStateTheCandidateIsTakenBackAndTheRecordIsClosed) {
  judge(), on(PodEnding{});
  EXPECT_EQ(last_ended().phase, ReloadPhase::kAborted);
  EXPECT_EQ(last_ended().reason, ReloadReason::kPodEnding);
  EXPECT_EQ(routes().candidate_weight, 0);
}

TEST_F(StoppingTest, ActiveThatDiesInTheEndIsNotStartedAgain) {
  on(PodEnding{}), on(exited(1, 0)), after(5s);
  EXPECT_EQ(count<Spawn>(), 1U);
  EXPECT_NE(did<PodMayGo>(), nullptr);
}

TEST_F(StoppingTest, SigtermAtTheLauncherAloneDrainsHoldsAndLetsTheContainerRestart) {
  on(AppTerm{}), after(1999ms);
  EXPECT_EQ(routed(), gen(1));
  after(1ms);
  EXPECT_EQ(phase(), Phase::kHolding);
  on(Idle{gen(1)});
  EXPECT_TRUE(stopped(1));
  on(exited(1, 0));
  EXPECT_NE(did<EndContainer>(), nullptr);
  EXPECT_EQ(count<Spawn>(), 1U);
  on(LauncherLost{}), on(LauncherUp{}), after(0ms);
  EXPECT_EQ(count<Spawn>(), 2U);
}

TEST_F(StoppingTest, SigtermAtTheLauncherFollowedByThePodsEndIsThePodsEnd) {
  on(AppTerm{}), after(300ms), on(PodEnding{}), after(2s);
  EXPECT_EQ(phase(), Phase::kStopping);
  EXPECT_EQ(routed(), gen(1));
}

TEST(ShutdownPlanTest, EveryPlanFitsIntoItsGracePeriod) {
  const TimePoint now{100s};
  for (int grace = 1; grace <= 120; ++grace) {
    for (const int endpoints : {0, 3, 50}) {
      for (const int app : {1, 5, 100}) {
        const ShutdownPlan plan =
            plan_shutdown({Seconds{grace}, Seconds{endpoints}, Seconds{app}}, true, now);
        EXPECT_LE(now, plan.quiet_by);
        EXPECT_LT(plan.quiet_by, plan.drained_by);
        EXPECT_LT(plan.drained_by, plan.stopped_by);
        EXPECT_LT(plan.stopped_by, plan.end);
        EXPECT_EQ(plan.end, now + Seconds{grace});
      }
    }
  }
}

}  // namespace
}  // namespace sidestep::sidecar
