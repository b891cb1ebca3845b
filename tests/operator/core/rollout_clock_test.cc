// Runs whose status holds moments that no clock of today can have written: another leader's was ahead, the
// clock was set back, or somebody wrote the status, or the pods' annotations, by hand.
#include <gtest/gtest.h>

#include "tests/operator/core/sim_cluster.h"

namespace sidestep::op {
namespace {

using api::ReloadPhase;

class RolloutClockTest : public ::testing::Test {
 protected:
  RolloutClockTest() {
    policy::Rollout& rollout = cluster_.policy().spec.rollout;
    rollout.steps = {build::step(build::count(1), 500, 10), build::step(build::percent(100), 10'000)};
    rollout.max_concurrent_pods = build::percent(100);
  }
  bool is_in_step(int step) { return !cluster_.world().reloads.empty() && cluster_.status().step == step; }
  bool in_step_reached(int step) {
    return is_in_step(step) && cluster_.status().steps.back().reached_time.has_value();
  }
  void expect_succeeded() {
    ASSERT_TRUE(cluster_.run_to_end()) << cluster_.status().end_message;
    EXPECT_EQ(cluster_.status().phase, ReloadPhase::kSucceeded) << cluster_.status().end_message;
  }

  SimCluster cluster_{3};
};

TEST_F(RolloutClockTest, StatusWithoutProgressTimeGoesOnFromNow) {
  cluster_.annotate("t1");
  ASSERT_TRUE(cluster_.run_until([&] { return in_step_reached(1); }));
  cluster_.reload().status.progress_time.reset();
  cluster_.step();
  EXPECT_EQ(cluster_.status().phase, ReloadPhase::kProgressing) << cluster_.status().end_message;
  EXPECT_TRUE(cluster_.status().progress_time);
  cluster_.reload().status.progress_time.reset();
  cluster_.reload().status.phase = ReloadPhase::kRollingBack;
  cluster_.reload().status.end_reason = "ErrorRate";
  ASSERT_TRUE(cluster_.run_to_end());
  EXPECT_EQ(cluster_.status().end_reason, "ErrorRate");
}

TEST_F(RolloutClockTest, ClockThatWasAnHourAheadHoldsUpNothing) {
  cluster_.annotate("t1");
  ASSERT_TRUE(cluster_.run_until([&] { return in_step_reached(1); }));
  api::ReloadStatus& status = cluster_.reload().status;
  const WallTime ahead = cluster_.now() + std::chrono::hours(1);
  status.progress_time = status.steps.back().reached_time = ahead;
  ASSERT_TRUE(cluster_.run_until([&] { return is_in_step(2); }, Seconds(30))) << "the step's pause is 10 s";
  expect_succeeded();
}

TEST_F(RolloutClockTest, PauseThatBeganByAClockThatWasAheadTakesNothingFromAStep) {
  cluster_.annotate("t1");
  ASSERT_TRUE(cluster_.run_until([&] { return in_step_reached(1); }));
  const WallTime reached = cluster_.now();
  cluster_.reload().status.phase = ReloadPhase::kPaused;
  cluster_.reload().status.paused_time = cluster_.now() + std::chrono::hours(1);
  ASSERT_TRUE(cluster_.run_until([&] { return is_in_step(2); }, Seconds(30)));
  EXPECT_GE(cluster_.now(), reached + Seconds(9)) << "its pause is 10 s";
}

TEST_F(RolloutClockTest, RefreshThatIsAheadOrNoTimeIsMadeAgain) {
  for (auto& [name, pod] : cluster_.pods()) pod.seen.mounts_config = true;
  cluster_.annotate("t1");
  ASSERT_TRUE(
      cluster_.run_until([&] { return is_in_step(1) && !cluster_.pod("shop-1").seen.refresh.empty(); }));
  const std::string uid = cluster_.reload().meta.uid;
  const auto ahead =
      std::chrono::duration_cast<Millis>((cluster_.now() + std::chrono::hours(1)).time_since_epoch());
  cluster_.pod("shop-1").seen.refresh = std::to_string(ahead.count()) + "." + uid;
  cluster_.pod("shop-2").seen.refresh = "9223372036854775807." + uid;
  expect_succeeded();
}

}  // namespace
}  // namespace sidestep::op
