// PodDisruptionBudgets: how many pods a reload makes unavailable at the same time, and whom it names
// meanwhile.
#include "operator/core/disruption.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/operator/core/sim_cluster.h"

namespace sidestep::op {
namespace {

using ::testing::HasSubstr;

class DisruptionTest : public ::testing::Test {
 protected:
  DisruptionTest() {
    policy::PolicySpec& spec = cluster_.policy().spec;
    spec.strategy.type = policy::StrategyType::kHold;
    spec.rollout.steps = {build::step(build::percent(100), 10'000)};
    spec.rollout.max_concurrent_pods = build::percent(100);
    for (auto& [name, pod] : cluster_.pods()) pod.promotes_itself = true;
    cluster_.annotate("t1");
  }
  void add_budget(const std::string& name, int allowed, const std::vector<std::string>& pods) {
    DisruptionBudget budget{name, allowed, true, {}};
    for (const std::string& pod : pods) budget.pods.push_back("uid-of-" + pod);
    cluster_.world().disruption_budgets.push_back(std::move(budget));
  }
  int starting(const std::vector<std::string>& pods) {
    int count = 0;
    for (const std::string& name : pods) {
      const auto& run = cluster_.pod(name).seen.sidecar->run;
      count += run && run->phase == SidecarPhase::kStarting ? 1 : 0;
    }
    return count;
  }
  int most_at_once(const std::vector<std::string>& pods) {
    int most = 0;
    EXPECT_TRUE(cluster_.run_until([&] {
      most = std::max(most, starting(pods));
      return cluster_.status().phase == api::ReloadPhase::kSucceeded;
    }));
    return most;
  }
  std::string waits_for() {
    const auto* progress = find_condition(cluster_.status().conditions, condition::kProgressing);
    return progress != nullptr ? progress->reason + ": " + progress->message : "";
  }

  SimCluster cluster_{6};
  const std::vector<std::string> all_{"shop-1", "shop-2", "shop-3", "shop-4", "shop-5", "shop-6"};
};

TEST_F(DisruptionTest, NoMorePodsReloadAtOnceThanTheBudgetLeaves) {
  add_budget("shop", 2, all_);
  EXPECT_EQ(most_at_once(all_), 2);
}

TEST_F(DisruptionTest, WithoutABudgetTheyAllReloadAtOnce) { EXPECT_EQ(most_at_once(all_), 6); }

TEST_F(DisruptionTest, EachPodNeedsAPlaceInEveryBudgetThatCoversIt) {
  add_budget("all", 3, all_);
  add_budget("few", 1, {"shop-1", "shop-2", "shop-3"});
  int most_of_few = 0;
  int most = 0;
  EXPECT_TRUE(cluster_.run_until([&] {
    most = std::max(most, starting(all_));
    most_of_few = std::max(most_of_few, starting({"shop-1", "shop-2", "shop-3"}));
    return cluster_.status().phase == api::ReloadPhase::kSucceeded;
  }));
  EXPECT_EQ(most_of_few, 1);
  EXPECT_EQ(most, 3);
}

TEST_F(DisruptionTest, ABudgetThatLeavesNothingIsWaitedForAndNamed) {
  add_budget("shop-pdb", 0, all_);
  cluster_.run_for(Seconds(20));
  EXPECT_EQ(starting(all_), 0);
  EXPECT_THAT(waits_for(), HasSubstr("DisruptionBudget: "));
  EXPECT_THAT(waits_for(), HasSubstr("PodDisruptionBudget shop-pdb lets no further pod be unavailable"));
  cluster_.world().disruption_budgets[0].allowed = 1;
  EXPECT_EQ(most_at_once(all_), 1);
}

TEST_F(DisruptionTest, ABudgetWhoseStatusIsBehindItsSpecLeavesNothing) {
  add_budget("shop-pdb", 5, all_);
  cluster_.world().disruption_budgets[0].is_known = false;
  cluster_.run_for(Seconds(20));
  EXPECT_EQ(starting(all_), 0);
  EXPECT_THAT(waits_for(), HasSubstr("is not up to date"));
}

TEST_F(DisruptionTest, OverlapKeepsEveryPodAvailableAndAsksNoBudget) {
  cluster_.policy().spec.strategy.type = policy::StrategyType::kOverlap;
  for (auto& [name, pod] : cluster_.pods()) pod.promotes_itself = false;
  add_budget("shop", 0, all_);
  EXPECT_EQ(most_at_once(all_), 6);
}

}  // namespace
}  // namespace sidestep::op
