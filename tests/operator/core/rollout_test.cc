// Whole reloads over a small simulated fleet, with a clock moved by hand.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/operator/core/sim_cluster.h"

namespace sidestep::op {
namespace {

using api::ReloadPhase;
using build::count;
using build::percent;
using build::step;
using ::testing::HasSubstr;

// 5 % on one pod, half on a third of them, all on all.
policy::Rollout canary() {
  policy::Rollout rollout;
  rollout.steps = {step(count(1), 500, 10), step(percent(34), 5000, 10), step(percent(100), 10'000)};
  rollout.max_concurrent_pods = percent(100);
  return rollout;
}

class RolloutTest : public ::testing::Test {
 protected:
  explicit RolloutTest(int replicas = 3) : cluster_(replicas) { cluster_.policy().spec.rollout = canary(); }

  int active(const std::string& pod) { return cluster_.pod(pod).seen.sidecar->active.generation; }
  int weight(const std::string& pod) {
    const auto& run = cluster_.pod(pod).seen.sidecar->run;
    return run ? run->weight_per_ten_thousand : -1;
  }
  int moved() {
    int count = 0;
    for (auto& [name, pod] : cluster_.pods()) count += pod.seen.sidecar->active.generation > 1 ? 1 : 0;
    return count;
  }
  int under_way() {
    int count = 0;
    for (auto& [name, pod] : cluster_.pods()) count += pod.seen.sidecar->candidate ? 1 : 0;
    return count;
  }
  bool is_in_step(int step) { return !cluster_.world().reloads.empty() && cluster_.status().step == step; }
  bool in_step_reached(int step) {
    return is_in_step(step) && cluster_.status().steps.back().reached_time.has_value();
  }
  void expect_taken_back(const std::string& reason, ReloadPhase phase = ReloadPhase::kFailed) {
    ASSERT_TRUE(cluster_.run_to_end());
    EXPECT_EQ(cluster_.status().phase, phase);
    EXPECT_EQ(cluster_.status().end_reason, reason);
    EXPECT_EQ(moved(), 0);
    EXPECT_EQ(under_way(), 0);
    const auto* succeeded = find_condition(cluster_.status().conditions, condition::kSucceeded);
    EXPECT_EQ(succeeded->status, api::ConditionStatus::kFalse);
    EXPECT_EQ(succeeded->reason, reason);
  }
  void expect_succeeded() {
    ASSERT_TRUE(cluster_.run_to_end()) << cluster_.status().end_message;
    EXPECT_EQ(cluster_.status().phase, ReloadPhase::kSucceeded) << cluster_.status().end_message;
    EXPECT_EQ(moved(), static_cast<int>(cluster_.pods().size()));
    EXPECT_EQ(cluster_.created(), 1);
  }

  SimCluster cluster_;
};

TEST_F(RolloutTest, EveryStepHasItsPodsAndWeightAndPause) {
  cluster_.annotate("t1");
  ASSERT_TRUE(cluster_.run_until([&] { return in_step_reached(1); }));
  const WallTime first = cluster_.now();
  EXPECT_EQ(weight("shop-1"), 500);
  EXPECT_EQ(under_way(), 1);
  ASSERT_TRUE(cluster_.run_until([&] { return in_step_reached(2); }));
  EXPECT_GE(cluster_.now(), first + Seconds(10));
  EXPECT_EQ(weight("shop-1"), 5000);
  EXPECT_EQ(weight("shop-2"), 5000);
  EXPECT_EQ(under_way(), 2);
  EXPECT_EQ(moved(), 0);
  expect_succeeded();
  EXPECT_EQ(cluster_.status().pods, (api::PodCounts{3, 3, 3, 0}));
  EXPECT_EQ(cluster_.status().receipt.candidate_requests, 180);
  EXPECT_FALSE(cluster_.policy().meta.has_finalizer());
}

TEST_F(RolloutTest, NothingIsAskedForOnceItIsOver) {
  cluster_.annotate("t1");
  expect_succeeded();
  cluster_.run_for(Seconds(5));
  EXPECT_TRUE(cluster_.at_rest().actions.empty());
}

TEST_F(RolloutTest, SameTokenAgainDoesNothing) {
  cluster_.annotate("t1");
  expect_succeeded();
  cluster_.annotate(""), cluster_.run_for(Seconds(5));
  cluster_.annotate("t1"), cluster_.run_for(Seconds(5));
  EXPECT_EQ(cluster_.world().reloads.size(), 1u);
}

TEST_F(RolloutTest, FailureOfOnePodTakesAllOfThemBack) {
  cluster_.pod("shop-2").fails_requests = true;
  cluster_.annotate("t1");
  expect_taken_back("ErrorRate");
  ASSERT_EQ(cluster_.status().failed_pods.size(), 1u);
  EXPECT_EQ(cluster_.status().failed_pods[0].name, "shop-2");
  EXPECT_EQ(cluster_.status().failed_pods[0].generation, 2);
  EXPECT_EQ(cluster_.status().pods.failed, 1);
  EXPECT_THAT(cluster_.status().end_message, HasSubstr("shop-2: candidate: ErrorRate"));
}

TEST_F(RolloutTest, FailureAtTheStartStopsBeforeTheNextPod) {
  for (auto& [name, pod] : cluster_.pods()) pod.fails_at_start = "ExitedEarly";
  cluster_.annotate("t1");
  expect_taken_back("ExitedEarly");
  EXPECT_EQ(cluster_.pod("shop-2").generations, 1);
}

TEST_F(RolloutTest, FailedReloadStallsThePolicyUntilTheNextOneSucceeds) {
  cluster_.pod("shop-1").fails_at_start = "NotReadyInTime";
  cluster_.annotate("t1");
  expect_taken_back("NotReadyInTime");
  cluster_.run_for(Seconds(3));
  const auto stalled = [&] {
    return find_condition(cluster_.policy().status.conditions, condition::kStalled)->status;
  };
  EXPECT_EQ(stalled(), api::ConditionStatus::kTrue);
  cluster_.pod("shop-1").fails_at_start.clear();
  cluster_.annotate("t2");
  cluster_.run_for(Seconds(60));
  EXPECT_EQ(moved(), 3);
  EXPECT_EQ(stalled(), api::ConditionStatus::kFalse);
}

TEST_F(RolloutTest, MaxConcurrentPodsBoundsWhatStartsAtTheSameTime) {
  cluster_.policy().spec.rollout = {{step(percent(100), 10'000)}, percent(25), Seconds(600)};
  cluster_.annotate("t1");
  int most = 0;
  ASSERT_TRUE(cluster_.run_until([&] {
    int starting = 0;
    for (auto& [name, pod] : cluster_.pods()) {
      const auto& run = pod.seen.sidecar->run;
      starting += run && run->phase == SidecarPhase::kStarting ? 1 : 0;
    }
    most = std::max(most, starting);
    return moved() == 3;
  }));
  EXPECT_EQ(most, 1);
  expect_succeeded();
}

TEST_F(RolloutTest, PodThatDiesIsReplacedInItsStepByAnother) {
  cluster_.annotate("t1");
  ASSERT_TRUE(cluster_.run_until([&] { return in_step_reached(1); }));
  cluster_.kill_pod("shop-1");
  cluster_.add_pod("shop-9");
  ASSERT_TRUE(cluster_.run_until([&] { return weight("shop-2") == 500; }));
  EXPECT_FALSE(cluster_.pod("shop-9").seen.sidecar->run);
  expect_succeeded();
}

TEST_F(RolloutTest, PodBornLaterJoinsTheLastStep) {
  cluster_.annotate("t1");
  ASSERT_TRUE(cluster_.run_until([&] { return in_step_reached(2); }));
  cluster_.add_pod("shop-9");
  cluster_.run_for(Seconds(5));
  EXPECT_FALSE(cluster_.pod("shop-9").seen.sidecar->run);
  expect_succeeded();
  EXPECT_EQ(active("shop-9"), 2);
}

TEST_F(RolloutTest, PodsThatAreNotReadyAreNeverWaitedFor) {
  SimPod& pending = cluster_.add_pod("shop-9");
  pending.seen.is_ready = false;
  pending.seen.reach = Reach::kNotAsked;
  pending.seen.sidecar = build::sidecar();
  cluster_.annotate("t1");
  ASSERT_TRUE(cluster_.run_to_end());
  EXPECT_EQ(cluster_.status().phase, ReloadPhase::kSucceeded);
  EXPECT_EQ(moved(), 3);
}

TEST_F(RolloutTest, SilenceOfACanaryDoesNotMoveItToAnotherPod) {
  cluster_.annotate("t1");
  ASSERT_TRUE(cluster_.run_until([&] { return in_step_reached(1); }));
  cluster_.pod("shop-1").seen.reach = Reach::kUnreachable;
  cluster_.run_for(Seconds(20));
  EXPECT_EQ(cluster_.status().step, 1);
  EXPECT_FALSE(cluster_.pod("shop-2").seen.sidecar->run);
  cluster_.pod("shop-1").seen.reach = Reach::kReachable;
  expect_succeeded();
}

TEST_F(RolloutTest, MomentOfSilenceInALongPauseNeitherEndsItNorBeginsItAnew) {
  cluster_.policy().spec.rollout.steps[0].pause = Seconds(300);
  cluster_.policy().spec.rollout.progress_deadline = Seconds(20);
  cluster_.annotate("t1");
  ASSERT_TRUE(cluster_.run_until([&] { return in_step_reached(1); }));
  const WallTime reached = cluster_.now();
  cluster_.run_for(Seconds(200));
  cluster_.pod("shop-1").seen.reach = Reach::kUnreachable;
  cluster_.run_for(Seconds(3));
  cluster_.pod("shop-1").seen.reach = Reach::kReachable;
  ASSERT_TRUE(cluster_.run_until([&] { return is_in_step(2); }));
  EXPECT_LT(cluster_.now(), reached + Seconds(310));
  expect_succeeded();
}

TEST_F(RolloutTest, OneSilentPodAmongManyDoesNotHoldUpAStep) {
  for (int i = 0; i < 17; ++i)
    cluster_.add_pod("more-" + std::to_string(i)).seen.creation_time = build::at(-900);
  cluster_.policy().spec.rollout.steps = {step(percent(100), 5000, 10), step(percent(100), 10'000)};
  cluster_.annotate("t1");
  ASSERT_TRUE(cluster_.run_until([&] { return in_step_reached(1); }));
  cluster_.pod("shop-1").seen.reach = Reach::kUnreachable;
  ASSERT_TRUE(cluster_.run_until([&] { return is_in_step(2); }, Seconds(30)));
  EXPECT_EQ(moved(), 0);
  cluster_.pod("shop-1").seen.reach = Reach::kReachable;
  expect_succeeded();
}

TEST_F(RolloutTest, PodThatIsReplacedIsNoRolloutOfTheWorkload) {
  cluster_.annotate("t1");
  ASSERT_TRUE(cluster_.run_until([&] { return in_step_reached(1); }));
  cluster_.kill_pod("shop-3");
  cluster_.world().workload->is_rolling_out = true;  // one replica short
  cluster_.world().workload->template_hash.clear();
  cluster_.run_for(Seconds(2));
  EXPECT_EQ(cluster_.status().phase, ReloadPhase::kProgressing);
  cluster_.add_pod("shop-4");
  cluster_.world().workload = build::workload(3);
  expect_succeeded();
}

TEST_F(RolloutTest, SilenceBeyondTheProgressDeadlineTakesTheOthersBack) {
  cluster_.policy().spec.rollout.progress_deadline = Seconds(60);
  cluster_.annotate("t1");
  ASSERT_TRUE(cluster_.run_until([&] { return in_step_reached(2); }));
  cluster_.pod("shop-2").seen.reach = Reach::kUnreachable;
  ASSERT_TRUE(cluster_.run_to_end());
  EXPECT_EQ(cluster_.status().end_reason, "ProgressDeadlineExceeded");
  EXPECT_THAT(cluster_.status().end_message, HasSubstr("shop-2"));
  EXPECT_THAT(cluster_.status().end_message, HasSubstr("1 pods did not confirm"));
  EXPECT_EQ(moved(), 0);
}

TEST_F(RolloutTest, SidecarRestartedUnderItsCandidateTriesAgain) {
  cluster_.annotate("t1");
  ASSERT_TRUE(cluster_.run_until([&] { return in_step_reached(1); }));
  cluster_.restart_sidecar("shop-1");
  expect_succeeded();
  EXPECT_EQ(cluster_.pod("shop-1").ids.size(), 2u);
}

TEST_F(RolloutTest, SidecarRestartedAgainAndAgainFailsTheReload) {
  cluster_.annotate("t1");
  cluster_.run_until([&] {
    if (cluster_.pod("shop-1").seen.sidecar->candidate) cluster_.restart_sidecar("shop-1");
    return !cluster_.world().reloads.empty() && is_final(cluster_.status().phase);
  });
  expect_taken_back("Interrupted");
}

TEST_F(RolloutTest, RefusalForGoodFailsTheReloadWithTheSidecarsWords) {
  cluster_.pod("shop-1").refuses = true;
  cluster_.annotate("t1");
  expect_taken_back("Refused");
  EXPECT_THAT(cluster_.status().end_message, HasSubstr("suspended by the policy"));
}

TEST_F(RolloutTest, AbortAnnotationTakesEverythingBackAndSaysWhy) {
  cluster_.annotate("t1");
  ASSERT_TRUE(cluster_.run_until([&] { return in_step_reached(2); }));
  cluster_.reload().meta.annotations[api::kAbortAnnotation] = "wrong version";
  expect_taken_back("AbortedByUser", ReloadPhase::kAborted);
  EXPECT_EQ(cluster_.status().end_message, "wrong version");
  EXPECT_TRUE(cluster_.status().failed_pods.empty());
}

TEST_F(RolloutTest, DeletionOfTheReloadTakesEverythingBackBeforeTheFinalizerGoes) {
  cluster_.annotate("t1");
  ASSERT_TRUE(cluster_.run_until([&] { return in_step_reached(1); }));
  EXPECT_TRUE(cluster_.reload().meta.has_finalizer());
  cluster_.reload().meta.deletion_time = cluster_.now();
  expect_taken_back("ReloadDeleted", ReloadPhase::kAborted);
}

TEST_F(RolloutTest, PromoteAnnotationSkipsPausesButNotReadiness) {
  cluster_.annotate("t1");
  ASSERT_TRUE(cluster_.run_until([&] { return in_step_reached(1); }));
  const WallTime asked = cluster_.now();
  cluster_.reload().meta.annotations[api::kPromoteAnnotation] = "true";
  expect_succeeded();
  EXPECT_LT(cluster_.status().end_time, asked + Seconds(10));
}

TEST_F(RolloutTest, PauseStandsStillAndTimeWithIt) {
  cluster_.policy().spec.rollout.progress_deadline = Seconds(30);
  cluster_.annotate("t1");
  ASSERT_TRUE(cluster_.run_until([&] { return in_step_reached(1); }));
  cluster_.reload().meta.annotations[api::kPauseAnnotation] = "true";
  cluster_.run_for(Seconds(120));
  EXPECT_EQ(cluster_.status().phase, ReloadPhase::kPaused);
  EXPECT_EQ(weight("shop-1"), 500);
  EXPECT_EQ(under_way(), 1);
  cluster_.reload().meta.annotations.clear();
  const WallTime resumed = cluster_.now();
  ASSERT_TRUE(cluster_.run_until([&] { return is_in_step(2); }));
  EXPECT_GE(cluster_.now(), resumed + Seconds(8));
  expect_succeeded();
}

TEST_F(RolloutTest, TooFewRequestsHoldTheStepWhenThePolicySaysSo) {
  cluster_.policy().spec.analysis.on_no_traffic = policy::OnNoTraffic::kHold;
  for (auto& [name, pod] : cluster_.pods()) pod.requests_per_second = 0;
  cluster_.annotate("t1");
  cluster_.run_for(Seconds(100));
  EXPECT_EQ(cluster_.status().step, 1);
  EXPECT_EQ(find_condition(cluster_.status().conditions, condition::kProgressing)->reason, "TooFewRequests");
  for (auto& [name, pod] : cluster_.pods()) pod.requests_per_second = 100;
  expect_succeeded();
}

TEST_F(RolloutTest, TooFewRequestsForTooLongIsNoTraffic) {
  cluster_.policy().spec.analysis.on_no_traffic = policy::OnNoTraffic::kHold;
  cluster_.policy().spec.rollout.progress_deadline = Seconds(60);
  for (auto& [name, pod] : cluster_.pods()) pod.requests_per_second = 0;
  cluster_.annotate("t1");
  expect_taken_back("NoTraffic");
}

TEST_F(RolloutTest, RolloutOfTheWorkloadPausesAndThenEndsTheReload) {
  cluster_.annotate("t1");
  ASSERT_TRUE(cluster_.run_until([&] { return in_step_reached(1); }));
  cluster_.world().workload->template_hash = "hash-2";
  cluster_.world().workload->is_rolling_out = true;
  cluster_.run_for(Seconds(5));
  EXPECT_EQ(cluster_.status().phase, ReloadPhase::kPaused);
  for (const char* name : {"shop-1", "shop-2", "shop-3"}) cluster_.kill_pod(name);
  for (const char* name : {"shop-4", "shop-5", "shop-6"})
    cluster_.add_pod(name).seen.template_hash = "hash-2";
  cluster_.world().workload->is_rolling_out = false;
  ASSERT_TRUE(cluster_.run_to_end());
  EXPECT_EQ(cluster_.status().phase, ReloadPhase::kAborted);
  EXPECT_EQ(cluster_.status().end_reason, "TemplateChanged");
}

TEST_F(RolloutTest, RolloutThatIsUndoneLetsTheReloadGoOn) {
  cluster_.annotate("t1");
  ASSERT_TRUE(cluster_.run_until([&] { return in_step_reached(1); }));
  cluster_.world().workload->template_hash = "hash-2";
  cluster_.world().workload->is_rolling_out = true;
  cluster_.run_for(Seconds(5));
  cluster_.world().workload->template_hash = build::kHash;
  cluster_.world().workload->is_rolling_out = false;
  expect_succeeded();
}

TEST_F(RolloutTest, ScaledToZeroEndsTheReload) {
  cluster_.annotate("t1");
  ASSERT_TRUE(cluster_.run_until([&] { return in_step_reached(1); }));
  cluster_.world().workload->replicas = 0;
  for (const char* name : {"shop-1", "shop-2", "shop-3"}) cluster_.kill_pod(name);
  ASSERT_TRUE(cluster_.run_to_end());
  EXPECT_EQ(cluster_.status().phase, ReloadPhase::kAborted);
  EXPECT_EQ(cluster_.status().end_reason, "NoPods");
}

TEST_F(RolloutTest, SilentOperatorWhoseFinishedPodsKeepSaysSplit) {
  cluster_.annotate("t1");
  ASSERT_TRUE(cluster_.run_until([&] { return cluster_.status().step == 3 && under_way() == 3; }));
  auto& first = *cluster_.pod("shop-1").seen.sidecar->run;
  first.phase = SidecarPhase::kSucceeded;
  for (const char* name : {"shop-2", "shop-3"}) {
    auto& run = *cluster_.pod(name).seen.sidecar->run;
    run.phase = SidecarPhase::kFailed, run.reason = "OperatorSilent";
  }
  ASSERT_TRUE(cluster_.run_to_end());
  EXPECT_EQ(cluster_.status().phase, ReloadPhase::kFailed);
  EXPECT_EQ(cluster_.status().end_reason, "Split");
}

// Strategy Hold: a sidecar promotes by itself, and what it promoted cannot be taken back.
TEST_F(RolloutTest, PodsThatPromoteThemselvesCountForTheirStep) {
  cluster_.policy().spec.rollout = {{step(percent(100), 10'000)}, count(1), Seconds(600)};
  for (auto& [name, pod] : cluster_.pods()) pod.promotes_itself = true;
  cluster_.annotate("t1");
  expect_succeeded();
}

TEST_F(RolloutTest, FailureAfterAPodPromotedItselfIsSplitAndGoesNoFurther) {
  cluster_.policy().spec.rollout = {{step(percent(100), 10'000)}, count(1), Seconds(600)};
  for (auto& [name, pod] : cluster_.pods()) pod.promotes_itself = true;
  cluster_.pod("shop-2").fails_at_start = "ExitedEarly";
  cluster_.annotate("t1");
  ASSERT_TRUE(cluster_.run_to_end());
  EXPECT_EQ(cluster_.status().end_reason, "Split");
  EXPECT_EQ(cluster_.status().pods.updated, 1);
  EXPECT_EQ(moved(), 1);
  EXPECT_EQ(cluster_.pod("shop-3").generations, 1);
}

TEST_F(RolloutTest, SidecarRestartedJustBeforeItsPromotionTriesAgain) {
  cluster_.annotate("t1");
  ASSERT_TRUE(cluster_.run_until(
      [&] { return is_in_step(3) && cluster_.status().steps.back().end_time.has_value(); }));
  cluster_.restart_sidecar("shop-2");
  expect_succeeded();
}

TEST_F(RolloutTest, LongDrainDoesNotHoldUpTheEnd) {
  for (auto& [name, pod] : cluster_.pods()) pod.drain_for = Seconds(3600);
  cluster_.annotate("t1");
  expect_succeeded();
  EXPECT_THAT(cluster_.status().end_message, HasSubstr("3 of them still drain tunnels"));
}

TEST_F(RolloutTest, SidecarsHearFromTheOperatorOftenEnoughInALongPause) {
  cluster_.policy().spec.rollout.steps[0].pause = Seconds(1800);
  cluster_.policy().spec.rollout.progress_deadline = Seconds(20);
  cluster_.annotate("t1");
  ASSERT_TRUE(cluster_.run_until([&] { return is_in_step(2); }, Seconds(3600)));
  expect_succeeded();
}

TEST_F(RolloutTest, LostStatusIsMadeGoodFromWhatSidecarsReport) {
  cluster_.annotate("t1");
  ASSERT_TRUE(cluster_.run_until([&] { return in_step_reached(2); }));
  cluster_.reload().status = {};
  int least = 10'000;
  ASSERT_TRUE(cluster_.run_until([&] {
    least = std::min(least, weight("shop-1"));
    return is_final(cluster_.status().phase);
  }));
  EXPECT_EQ(least, 5000) << "no weight went down";
  EXPECT_EQ(cluster_.status().phase, ReloadPhase::kSucceeded);
}

TEST_F(RolloutTest, FailedPodsAreCutAtTwenty) {
  cluster_.policy().spec.rollout = {{step(percent(100), 10'000)}, percent(100), Seconds(600)};
  for (int i = 0; i < 30; ++i)
    cluster_.add_pod("more-" + std::to_string(i)).seen.creation_time = build::at(-900);
  for (auto& [name, pod] : cluster_.pods()) pod.fails_at_start = "ExitedEarly";
  cluster_.annotate("t1");
  expect_taken_back("ExitedEarly");
  EXPECT_EQ(cluster_.status().failed_pods.size(), 20u);
  EXPECT_TRUE(cluster_.status().truncated);
  EXPECT_EQ(cluster_.status().pods.failed, 33);
}

// The operator is killed after its first, second, third… action; whatever was done stays done.
TEST(RolloutCrashTest, OperatorKilledAfterAnySingleActionEndsTheReloadRight) {
  int last = 0;
  for (int kill_at = 0; last == 0 || kill_at <= last; ++kill_at) {
    SCOPED_TRACE("killed after action " + std::to_string(kill_at));
    SimCluster cluster(3);
    cluster.policy().spec.rollout = canary();
    cluster.annotate("t1");
    cluster.die_after(kill_at);
    ASSERT_TRUE(cluster.run_to_end());
    EXPECT_EQ(cluster.status().phase, ReloadPhase::kSucceeded) << cluster.status().end_message;
    EXPECT_EQ(cluster.created(), 1);
    for (auto& [name, pod] : cluster.pods()) {
      EXPECT_EQ(pod.seen.sidecar->active.generation, 2) << name;
      EXPECT_EQ(pod.ids.size(), 1u) << name << " began its candidate once";
    }
    last = std::max(last, cluster.actions());
  }
  EXPECT_GT(last, 40);
}

TEST(RolloutCrashTest, OperatorKilledAfterAnySingleActionTakesABadCandidateBack) {
  for (int kill_at = 0; kill_at <= 120; ++kill_at) {
    SCOPED_TRACE("killed after action " + std::to_string(kill_at));
    SimCluster cluster(3);
    cluster.policy().spec.rollout = canary();
    cluster.pod("shop-2").fails_requests = true;
    cluster.annotate("t1");
    cluster.die_after(kill_at);
    ASSERT_TRUE(cluster.run_to_end());
    EXPECT_EQ(cluster.status().end_reason, "ErrorRate");
    for (auto& [name, pod] : cluster.pods()) EXPECT_EQ(pod.seen.sidecar->active.generation, 1) << name;
  }
}

}  // namespace
}  // namespace sidestep::op
