// Who may start with regard to others.
#include "operator/core/admission.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/operator/core/sim_cluster.h"

namespace sidestep::op {
namespace {

using api::ReloadPhase;
using build::at;
using ::testing::HasSubstr;

class AdmissionTest : public ::testing::Test {
 protected:
  // "" when it may start; the reason otherwise.
  std::string waits(const api::Reload* last = nullptr) {
    const auto found = admission_of(seen_, reload_, last, at(100));
    return found ? std::string(to_string(found->reason)) : "";
  }
  OtherReload& other(const char* name_space, bool is_running, int priority = 0, int created = 0) {
    const std::string uid = "other-" + std::to_string(seen_.others.size());
    seen_.others.push_back({name_space, uid, is_running, priority, at(created)});
    return seen_.others.back();
  }

  Observed seen_ = build::observed();
  api::Reload reload_ = build::reload("shop-1", "t", at(50));
};

TEST_F(AdmissionTest, WithoutRulesItStarts) { EXPECT_EQ(waits(), ""); }

TEST_F(AdmissionTest, BudgetOfTheClusterCountsThoseThatRun) {
  seen_.budget = {2, 0};
  other("a", true);
  EXPECT_EQ(waits(), "");
  other("b", true);
  EXPECT_EQ(waits(), "Budget");
}

TEST_F(AdmissionTest, BudgetOfTheNamespaceCountsItsOwn) {
  seen_.budget = {0, 1};
  other("elsewhere", true);
  EXPECT_EQ(waits(), "");
  other("prod", true);
  EXPECT_EQ(waits(), "Budget");
}

TEST_F(AdmissionTest, PlaceGoesToTheHigherPriorityThenToWhoAskedFirst) {
  seen_.budget = {1, 0};
  struct Row {
    int their_priority, their_age, our_priority;
    const char* expected;
  };
  const Row rows[] = {
      {0, 10, 0, "Budget"}, {0, 90, 0, ""}, {5, 90, 0, "Budget"}, {0, 10, 5, ""}, {-1, 10, 0, ""}};
  for (const Row& row : rows) {
    seen_.others.clear();
    other("a", false, row.their_priority, row.their_age);
    seen_.policy->spec.priority = row.our_priority;
    EXPECT_EQ(waits(), row.expected) << row.their_priority << " " << row.their_age << " " << row.our_priority;
  }
}

TEST_F(AdmissionTest, DependencyComesFirstAndItsFailureStopsThisOne) {
  Dependency& on = seen_.dependencies.emplace_back();
  on.policy = "db";
  EXPECT_EQ(waits(), "");
  on.unfinished = "db-1";
  EXPECT_EQ(waits(), "Dependency");
  on.unfinished.clear();
  on.failed_at = at(60);
  EXPECT_EQ(waits(), "Dependency");
  on.failed_at = at(40);
  EXPECT_EQ(waits(), "") << "it failed before this one was asked for";
  on.exists = false;
  EXPECT_EQ(waits(), "Dependency");
  on.exists = true, on.is_cycle = true;
  EXPECT_EQ(waits(), "Dependency");
}

TEST_F(AdmissionTest, MinimumIntervalCountsFromTheEndOfOneThatStarted) {
  seen_.policy->spec.guards.minimum_interval = Seconds(30);
  api::Reload last = build::ended("shop-0", ReloadPhase::kFailed, at(71));
  EXPECT_EQ(waits(&last), "MinimumInterval");
  last.status.end_time = at(70);
  EXPECT_EQ(waits(&last), "");
}

TEST_F(AdmissionTest, MinimumIntervalIsNotPassedByAskingTwice) {
  seen_.policy->spec.guards.minimum_interval = Seconds(30);
  seen_.policy->spec.history_limit = 1;
  api::Reload superseded = build::ended("shop-2", ReloadPhase::kAborted, at(100), "t2");
  superseded.status.start_time.reset();
  seen_.reloads = {build::ended("shop-0", ReloadPhase::kSucceeded, at(90), "t0"), superseded, reload_};
  const Plan plan = reconcile(seen_, at(101));
  for (const Action& action : plan.actions) {
    EXPECT_FALSE(std::holds_alternative<DeleteReload>(action)) << "the interval counts from its end";
    const auto* patch = std::get_if<PatchReloadStatus>(&action);
    if (patch == nullptr) continue;
    EXPECT_EQ(patch->status.phase, ReloadPhase::kPending);
    EXPECT_EQ(find_condition(patch->status.conditions, condition::kProgressing)->reason, "MinimumInterval");
  }
}

TEST_F(AdmissionTest, NamespaceThatIsFullKeepsNoPlaceOfTheCluster) {
  seen_.budget = {2, 1};
  other("x", true);
  for (int i = 0; i < 10; ++i) other("x", false);
  EXPECT_EQ(waits(), "");
  other("y", false);
  EXPECT_EQ(waits(), "Budget") << "y can take the place, and asked first";
}

TEST(DependencyOfTest, IsWhatItsReloadsSay) {
  const api::ReloadPolicy policy = build::policy("db");
  EXPECT_FALSE(dependency_of("db", nullptr, {}).exists);
  const api::Reload good = build::ended("db-1", ReloadPhase::kSucceeded, at(10));
  const api::Reload bad = build::ended("db-2", ReloadPhase::kFailed, at(20));
  EXPECT_FALSE(dependency_of("db", &policy, {good}).failed_at);
  EXPECT_EQ(dependency_of("db", &policy, {bad, good}).failed_at, at(20));
  EXPECT_EQ(dependency_of("db", &policy, {good, build::reload("db-3")}).unfinished, "db-3");
}

TEST(DependencyOfTest, ChangeThatItsReloadDoesNotExistForYetCounts) {
  api::ReloadPolicy policy = build::policy("db");
  policy.spec.triggers.sources.emplace_back();
  policy.status.desired_hash = "v1:b";
  policy.status.applied_hash = policy.status.attempted_hash = "v1:a";
  EXPECT_EQ(dependency_of("db", &policy, {}).unfinished, "a change");
  policy.status.attempted_hash = "v1:b";
  EXPECT_EQ(dependency_of("db", &policy, {}).unfinished, "") << "it was tried and failed";
}

TEST(DependencyOfTest, ChangeThatNobodyWillReloadDoesNotCount) {
  api::ReloadPolicy policy = build::policy("db");
  policy.status.desired_hash = "v1:b";
  policy.status.applied_hash = policy.status.attempted_hash = "v1:a";
  EXPECT_EQ(dependency_of("db", &policy, {}).unfinished, "") << "its sources were removed";
  policy.spec.triggers.sources.emplace_back();
  policy.spec.suspend = true;
  EXPECT_EQ(dependency_of("db", &policy, {}).unfinished, "");
}

TEST(DependencyOfTest, ReloadThatASuspendedPolicyHoldsBackHoldsUpNobody) {
  api::ReloadPolicy policy = build::policy("db");
  api::Reload waits = build::reload("db-1");
  policy.spec.suspend = true;
  EXPECT_EQ(dependency_of("db", &policy, {waits}).unfinished, "");
  waits.status.start_time = at(10);
  EXPECT_EQ(dependency_of("db", &policy, {waits}).unfinished, "db-1") << "it runs, and goes on";
}

TEST(StandsInLineTest, IsWhoWaitsForTheBudgetAloneAndMayStart) {
  api::ReloadPolicy policy = build::policy("db");
  api::Reload reload = build::reload("db-1");
  EXPECT_FALSE(stands_in_line(reload, &policy)) << "it was not looked at yet";
  set_reload_conditions(reload.status, 1, Reason::kMinimumInterval, "waits", at(10));
  EXPECT_FALSE(stands_in_line(reload, &policy));
  set_reload_conditions(reload.status, 1, Reason::kBudget, "waits", at(10));
  EXPECT_TRUE(stands_in_line(reload, &policy));
  policy.spec.suspend = true;
  EXPECT_FALSE(stands_in_line(reload, &policy)) << "its place would stay empty";
}

TEST(ReachesTest, FindsCyclesThroughOthers) {
  const std::map<std::string, std::vector<std::string>> graph{{"a", {"b"}}, {"b", {"c", "d"}}, {"d", {"a"}}};
  EXPECT_TRUE(reaches(graph, "b", "a"));
  EXPECT_FALSE(reaches(graph, "c", "a"));
  EXPECT_FALSE(reaches(graph, "b", "x")) << "the search ends";
}

TEST_F(AdmissionTest, PlaceIsTakenBeforeAnythingIsWritten) {
  seen_.budget = {1, 0};
  seen_.reloads = {reload_};
  const Plan plan = reconcile(seen_, at(100));
  ASSERT_FALSE(plan.actions.empty());
  EXPECT_TRUE(std::holds_alternative<TakeSlot>(plan.actions[0]));
}

TEST_F(AdmissionTest, WhoHasItsPlaceStandsInLineNoLongerEvenIfItsStartIsRefused) {
  seen_.budget = {1, 0};
  set_reload_conditions(reload_.status, 1, Reason::kBudget, "waits", at(60));
  seen_.reloads = {reload_};
  const Plan plan = reconcile(seen_, at(100));
  ASSERT_GT(plan.actions.size(), 2u);
  const auto* written = std::get_if<PatchReloadStatus>(&plan.actions[1]);
  ASSERT_NE(written, nullptr) << "before the finalizers, which may be refused for good";
  EXPECT_FALSE(written->status.start_time);
  EXPECT_EQ(find_condition(written->status.conditions, condition::kProgressing)->reason, "Starting");
  EXPECT_TRUE(std::holds_alternative<AddFinalizer>(plan.actions[2]));
}

TEST(AdmissionRunTest, ReloadThatWaitsForItsTurnSaysSoAndStartsWhenItComes) {
  SimCluster cluster(1);
  cluster.world().budget = {1, 0};
  cluster.world().others = {{"a", "u", true, 0, at(0)}};
  cluster.annotate("t1");
  cluster.run_for(Seconds(5));
  EXPECT_EQ(cluster.status().phase, ReloadPhase::kPending);
  EXPECT_EQ(find_condition(cluster.status().conditions, condition::kProgressing)->reason, "Budget");
  EXPECT_FALSE(cluster.pod("shop-1").seen.sidecar->run);
  cluster.world().others.clear();
  ASSERT_TRUE(cluster.run_to_end());
  EXPECT_EQ(cluster.status().phase, ReloadPhase::kSucceeded);
}

}  // namespace
}  // namespace sidestep::op
