// Verdicts over a fleet: what no pod can tell alone.
#include "operator/core/analysis.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/operator/core/sim_cluster.h"

namespace sidestep::op {
namespace {

using policy::Verdict;
using ::testing::HasSubstr;

struct Counts {
  std::int64_t requests;
  std::int64_t errors;
};

policy::Judgement judged(int pods, Counts active, Counts candidate, bool tells = true) {
  static std::vector<ObservedPod> seen;
  seen = build::pods(pods);
  Fleet fleet;
  for (ObservedPod& pod : seen) {
    SidecarRun run;
    run.phase = SidecarPhase::kJudging;
    if (tells)
      run.judged =
          JudgedCounts{{1, active.requests, active.errors}, {2, candidate.requests, candidate.errors}};
    pod.sidecar->active = {1, active.requests, active.errors};
    pod.sidecar->candidate = GenerationCounts{2, candidate.requests, candidate.errors};
    pod.sidecar->run = run;
    Member& member = fleet.members.emplace_back();
    member.pod = &pod;
    member.stance = Stance::kJudging;
  }
  return judge_fleet(fleet, {});
}

TEST(AnalysisTest, TableOfVerdicts) {
  struct Row {
    const char* what;
    int pods;
    Counts active, candidate;
    Verdict verdict;
  };
  const Row rows[] = {
      {"nobody asked anything", 10, {0, 0}, {0, 0}, Verdict::kTooLittle},
      {"five on each of nine pods are 45", 9, {100, 0}, {5, 0}, Verdict::kTooLittle},
      {"five on each of ten pods are 50", 10, {100, 0}, {5, 0}, Verdict::kGood},
      {"two errors in one pod are chance", 1, {100, 0}, {60, 2}, Verdict::kGood},
      {"two errors in each of twenty pods are none", 20, {100, 0}, {60, 2}, Verdict::kWorse},
      {"active fails as often", 20, {60, 2}, {60, 2}, Verdict::kGood},
      {"errors beyond requests count as all", 5, {50, 0}, {10, 99}, Verdict::kWorse},
  };
  for (const Row& row : rows)
    EXPECT_EQ(judged(row.pods, row.active, row.candidate).verdict, row.verdict) << row.what;
  EXPECT_THAT(judged(20, {100, 0}, {60, 2}).why, HasSubstr("over 20 pods: candidate: 40 of 1200"));
}

TEST(AnalysisTest, SidecarThatDoesNotTellIsJudgedByItsPlainCounters) {
  EXPECT_EQ(judged(20, {100, 0}, {60, 2}, false).verdict, Verdict::kWorse);
}

TEST(AnalysisTest, PodsThatAreNotJudgedDoNotCount) {
  Fleet fleet;
  fleet.members.emplace_back().stance = Stance::kPromoted;
  EXPECT_EQ(judge_fleet(fleet, {}).verdict, Verdict::kTooLittle);
}

class AnalysisRunTest : public ::testing::Test {
 protected:
  AnalysisRunTest() {
    policy::Rollout& rollout = cluster_.policy().spec.rollout;
    rollout.steps = {build::step(build::percent(100), 5000, 60)};
    rollout.max_concurrent_pods = build::percent(100);
    cluster_.annotate("t1");
  }
  SimCluster cluster_{20};
};

TEST_F(AnalysisRunTest, ErrorsThatAreChanceOnEachPodAndNoneTogetherTakeAllBack) {
  for (auto& [name, pod] : cluster_.pods()) pod.requests_per_second = 2, pod.error_rate = 0.05;
  ASSERT_TRUE(cluster_.run_to_end());
  EXPECT_EQ(cluster_.status().end_reason, "ErrorRate");
  EXPECT_THAT(cluster_.status().end_message, HasSubstr("over 20 pods"));
  for (auto& [name, pod] : cluster_.pods()) EXPECT_EQ(pod.seen.sidecar->active.generation, 1);
}

TEST_F(AnalysisRunTest, TooLittleTrafficIsAVerdictOfItsOwn) {
  for (auto& [name, pod] : cluster_.pods()) pod.requests_per_second = 0;
  ASSERT_TRUE(cluster_.run_to_end());
  EXPECT_EQ(cluster_.status().phase, api::ReloadPhase::kSucceeded) << "onNoTraffic: Pass";
  EXPECT_EQ(cluster_.status().steps.at(0).verdict, "TooLittle");
}

TEST_F(AnalysisRunTest, EnoughOverAllPodsIsEnough) {
  cluster_.policy().spec.analysis.on_no_traffic = policy::OnNoTraffic::kHold;
  for (auto& [name, pod] : cluster_.pods()) pod.requests_per_second = 0.1;
  ASSERT_TRUE(cluster_.run_to_end());
  EXPECT_EQ(cluster_.status().steps.at(0).verdict, "Good");
}

}  // namespace
}  // namespace sidestep::op
