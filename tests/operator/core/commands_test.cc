// What annotations on a Reload ask for, and what runs make of it.
#include "operator/core/commands.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/operator/core/sim_cluster.h"

namespace sidestep::op {
namespace {

using api::ReloadPhase;
using build::count;
using build::percent;
using build::step;

Commands of(const char* annotation, const std::string& value) {
  api::ObjectMeta meta;
  meta.annotations[annotation] = value;
  return commands_of(meta);
}

TEST(CommandsOfTest, EachAnnotationAsksForOneThing) {
  EXPECT_EQ(of(api::kPromoteAnnotation, "true").promotion, Promotion::kSteps);
  EXPECT_EQ(of(api::kPromoteAnnotation, "full").promotion, Promotion::kFull);
  EXPECT_EQ(of(api::kPromoteAnnotation, "force").promotion, Promotion::kForce);
  EXPECT_EQ(of(api::kAbortAnnotation, "true").abort, "");
  EXPECT_EQ(of(api::kAbortAnnotation, "wrong build").abort, "wrong build");
  EXPECT_EQ(of(api::kSkipStepAnnotation, "2").skip_steps, 2);
  EXPECT_TRUE(of(api::kPauseAnnotation, "true").pause);
  EXPECT_TRUE(of(api::kRetryAnnotation, "true").retry);
}

TEST(CommandsOfTest, FalseNothingAndStepsThatAreNoneAskForNothing) {
  for (const char* value : {"", "false"}) {
    EXPECT_EQ(of(api::kPromoteAnnotation, value).promotion, Promotion::kNone);
    EXPECT_FALSE(of(api::kAbortAnnotation, value).abort);
    EXPECT_FALSE(of(api::kPauseAnnotation, value).pause);
    EXPECT_FALSE(of(api::kRetryAnnotation, value).retry);
  }
  for (const char* value : {"", "0", "-1", "two", "1x", "99999999999"})
    EXPECT_EQ(of(api::kSkipStepAnnotation, value).skip_steps, 0) << value;
}

TEST(CommandsOfTest, ReasonFitsIntoAStatusHoweverLongItIs) {
  EXPECT_EQ(of(api::kAbortAnnotation, std::string(200'000, 'x')).abort->size(), api::kMostMessageBytes);
}

class CommandRunTest : public ::testing::Test {
 protected:
  CommandRunTest() {
    policy::Rollout rollout;
    rollout.steps = {step(count(1), 500, 3600), step(percent(34), 5000, 3600),
                     step(percent(100), 10'000, 3600)};
    rollout.max_concurrent_pods = percent(100);
    rollout.progress_deadline = Seconds(20'000);
    cluster_.policy().spec.rollout = rollout;
    cluster_.annotate("t1");
  }
  bool reach(int step) {
    return cluster_.run_until([&] {
      const api::ReloadStatus& status = cluster_.status();
      return status.step == step && status.steps.back().reached_time.has_value();
    });
  }
  void ask(const char* annotation, const std::string& value) {
    cluster_.reload().meta.annotations[annotation] = value;
  }
  int moved() {
    int count = 0;
    for (auto& [name, pod] : cluster_.pods()) count += pod.seen.sidecar->active.generation > 1 ? 1 : 0;
    return count;
  }

  SimCluster cluster_{3};
};

TEST_F(CommandRunTest, SkipStepEndsThatStepAloneHoweverOftenItIsSeen) {
  ASSERT_TRUE(reach(1));
  ask(api::kSkipStepAnnotation, "1");
  ASSERT_TRUE(reach(2));
  cluster_.run_for(Seconds(100));
  EXPECT_EQ(cluster_.status().step, 2) << "the annotation is still there";
  ask(api::kSkipStepAnnotation, "2");
  EXPECT_TRUE(reach(3));
}

TEST_F(CommandRunTest, SkipStepAheadOfTimeIsObeyedWhenTheStepComes) {
  ask(api::kSkipStepAnnotation, "2");
  ASSERT_TRUE(reach(1));
  ask(api::kSkipStepAnnotation, "2");
  EXPECT_TRUE(reach(3));
}

TEST_F(CommandRunTest, PromoteWaitsForTrafficAndFullDoesNot) {
  cluster_.policy().spec.analysis.on_no_traffic = policy::OnNoTraffic::kHold;
  cluster_.policy().spec.analysis.minimum_requests = 1'000'000;
  ASSERT_TRUE(reach(1));
  ask(api::kPromoteAnnotation, "true");
  cluster_.run_for(Seconds(100));
  EXPECT_EQ(moved(), 0);
  ask(api::kPromoteAnnotation, "full");
  ASSERT_TRUE(cluster_.run_to_end());
  EXPECT_EQ(cluster_.status().phase, ReloadPhase::kSucceeded);
  EXPECT_EQ(moved(), 3);
}

TEST_F(CommandRunTest, ForcePromotesCandidatesThatNeverBecomeReady) {
  for (auto& [name, pod] : cluster_.pods()) pod.ready_after = std::chrono::hours(10);
  cluster_.run_for(Seconds(10));
  EXPECT_EQ(moved(), 0);
  ask(api::kPromoteAnnotation, "force");
  ASSERT_TRUE(cluster_.run_to_end());
  EXPECT_EQ(cluster_.status().phase, ReloadPhase::kSucceeded) << cluster_.status().end_message;
  EXPECT_EQ(moved(), 3);
}

TEST_F(CommandRunTest, ForceGoesOnPastAPodThatFailsAndSaysSplit) {
  ASSERT_TRUE(reach(1));
  cluster_.pod("shop-2").fails_at_start = "ExitedEarly";
  cluster_.pod("shop-2").ready_after = Millis(0);
  cluster_.pod("shop-3").ready_after = std::chrono::hours(10);
  ask(api::kPromoteAnnotation, "force");
  ASSERT_TRUE(cluster_.run_to_end());
  EXPECT_EQ(cluster_.status().end_reason, "Split");
  EXPECT_EQ(moved(), 2);
}

TEST_F(CommandRunTest, ForceForgetsNoPodThatIsSilentOrBusyForAMoment) {
  ASSERT_TRUE(reach(1));
  ObservedPod& silent = cluster_.pod("shop-3").seen;
  SidecarRun foreign;
  foreign.id = "somebody-else";
  foreign.phase = SidecarPhase::kJudging;
  cluster_.pod("shop-2").seen.sidecar->run = foreign;
  silent.reach = Reach::kUnreachable;
  ask(api::kPromoteAnnotation, "force");
  cluster_.run_for(Seconds(10));
  EXPECT_EQ(moved(), 1);
  silent.reach = Reach::kReachable;
  cluster_.pod("shop-2").seen.sidecar->run.reset();
  ASSERT_TRUE(cluster_.run_to_end());
  EXPECT_EQ(cluster_.status().phase, ReloadPhase::kSucceeded) << cluster_.status().end_message;
  EXPECT_EQ(moved(), 3);
}

TEST_F(CommandRunTest, ForceThatLeavesASilentPodBehindIsSplit) {
  cluster_.policy().spec.rollout.progress_deadline = Seconds(60);
  ASSERT_TRUE(reach(1));
  cluster_.pod("shop-3").seen.reach = Reach::kUnreachable;
  ask(api::kPromoteAnnotation, "force");
  ASSERT_TRUE(cluster_.run_to_end());
  EXPECT_EQ(cluster_.status().phase, ReloadPhase::kFailed);
  EXPECT_EQ(cluster_.status().end_reason, "Split");
  EXPECT_EQ(moved(), 2);
}

TEST_F(CommandRunTest, ForceThatPromotesNobodyFailsAtTheProgressDeadline) {
  cluster_.policy().spec.rollout.progress_deadline = Seconds(60);
  ASSERT_TRUE(reach(1));
  for (auto& [name, pod] : cluster_.pods()) pod.seen.reach = Reach::kUnreachable;
  ask(api::kPromoteAnnotation, "force");
  ASSERT_TRUE(cluster_.run_to_end());
  EXPECT_EQ(cluster_.status().end_reason, "ProgressDeadlineExceeded");
  EXPECT_EQ(moved(), 0);
}

TEST_F(CommandRunTest, ForceStandsStillForABrokenSpecAPauseAndANewTemplate) {
  ASSERT_TRUE(reach(1));
  ask(api::kPromoteAnnotation, "force");
  const auto stands = [&](const char* reason) {
    cluster_.run_for(Seconds(10));
    EXPECT_EQ(cluster_.status().phase, ReloadPhase::kPaused);
    EXPECT_EQ(find_condition(cluster_.status().conditions, condition::kProgressing)->reason, reason);
    EXPECT_EQ(moved(), 0);
  };
  cluster_.policy().spec_error = "spec.hold: wrong";
  stands("InvalidSpec");
  cluster_.policy().spec_error.clear();
  ask(api::kPauseAnnotation, "true");
  stands("Paused");
  ask(api::kPauseAnnotation, "");
  const std::string template_hash = cluster_.world().workload->template_hash;
  cluster_.world().workload->template_hash = "another";
  stands("TemplateChanged");
  cluster_.world().workload->template_hash = template_hash;
  ASSERT_TRUE(cluster_.run_to_end());
  EXPECT_EQ(moved(), 3);
}

TEST_F(CommandRunTest, AbortWinsOverForce) {
  ASSERT_TRUE(reach(1));
  ask(api::kPromoteAnnotation, "force");
  ask(api::kAbortAnnotation, "true");
  ASSERT_TRUE(cluster_.run_to_end());
  EXPECT_EQ(cluster_.status().end_reason, "AbortedByUser");
  EXPECT_EQ(moved(), 0);
}

TEST_F(CommandRunTest, RetryOfTheLastReloadThatFailedIsOneNewReload) {
  cluster_.pod("shop-1").fails_at_start = "ExitedEarly";
  ASSERT_TRUE(cluster_.run_to_end());
  cluster_.pod("shop-1").fails_at_start.clear();
  cluster_.policy().spec.rollout.steps = {step(percent(100), 10'000)};
  ask(api::kRetryAnnotation, "true");
  cluster_.run_for(Seconds(60));
  EXPECT_EQ(cluster_.created(), 2);
  EXPECT_EQ(moved(), 3);
  EXPECT_EQ(cluster_.world().reloads.back().spec.token, "retry-" + cluster_.reload().meta.uid);
}

TEST_F(CommandRunTest, RetryWhoseReloadIsDeletedStartsNoOther) {
  cluster_.pod("shop-1").fails_at_start = "ExitedEarly";
  ASSERT_TRUE(cluster_.run_to_end());
  ask(api::kRetryAnnotation, "true");
  cluster_.run_for(Seconds(60));
  ASSERT_EQ(cluster_.created(), 2);
  cluster_.world().reloads.pop_back();
  cluster_.run_for(Seconds(60));
  EXPECT_EQ(cluster_.created(), 2);
}

TEST_F(CommandRunTest, RetryThatEndedByASlowerClockIsNotAskedForAgainAndAgain) {
  cluster_.pod("shop-1").fails_at_start = "ExitedEarly";
  ASSERT_TRUE(cluster_.run_to_end());
  ask(api::kRetryAnnotation, "true");
  cluster_.run_for(Seconds(60));
  ASSERT_EQ(cluster_.world().reloads.size(), 2u);
  cluster_.world().reloads.back().status.end_time = *cluster_.status().end_time - Seconds(5);
  for (const Action& action : cluster_.at_rest().actions)
    EXPECT_FALSE(std::holds_alternative<CreateReload>(action));
}

TEST_F(CommandRunTest, RetryOfOneThatSucceededOrIsNotTheLastStartsNothing) {
  cluster_.policy().spec.rollout.steps = {step(percent(100), 10'000)};
  ASSERT_TRUE(cluster_.run_to_end());
  ask(api::kRetryAnnotation, "true");
  cluster_.run_for(Seconds(10));
  cluster_.annotate("t2");
  cluster_.run_for(Seconds(60));
  EXPECT_EQ(cluster_.created(), 2) << "t1 and t2";
}

}  // namespace
}  // namespace sidestep::op
