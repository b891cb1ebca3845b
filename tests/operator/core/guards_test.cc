// A Reload that waits for a window, the end of a freeze, or approvals; and what was approved.
#include "operator/core/guards.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "operator/core/queue.h"
#include "operator/core/triggers.h"
#include "tests/operator/core/sim_cluster.h"

namespace sidestep::op {
namespace {

using api::ConditionStatus;
using api::ReloadPhase;
using build::at;
using ::testing::HasSubstr;

class GuardRunTest : public ::testing::Test {
 protected:
  GuardRunTest() {
    cluster_.policy().spec.rollout.steps = {build::step(build::percent(100), policy::kWholeWeight)};
  }
  policy::Guards& guards() { return cluster_.policy().spec.guards; }
  void freeze(int from, int to) { guards().freezes = {{"sale", at(from), at(to), "a big day"}}; }
  void approve(const std::string& user, api::Reload& reload) {
    reload.meta.annotations[api::approval_key(user)] = user;
  }
  void approve(const std::string& user) { approve(user, cluster_.reload()); }
  const api::Condition& condition_of(const char* type) {
    const api::Condition* found = find_condition(cluster_.status().conditions, type);
    static const api::Condition kNone;
    EXPECT_NE(found, nullptr) << type;
    return found == nullptr ? kNone : *found;
  }
  bool waits_for(const std::string& reason) {
    const api::Condition* progress = find_condition(cluster_.status().conditions, condition::kProgressing);
    return cluster_.status().phase == ReloadPhase::kPending && progress != nullptr &&
           progress->reason == reason;
  }
  bool succeeded() { return cluster_.run_to_end() && cluster_.status().phase == ReloadPhase::kSucceeded; }

  SimCluster cluster_{3};
};

TEST_F(GuardRunTest, FreezeHoldsAReloadBackUntilItsEndAndSaysSo) {
  freeze(-10, 100);
  cluster_.annotate("t1");
  ASSERT_TRUE(cluster_.run_until([&] { return waits_for("Freeze"); }));
  const api::Condition& open = condition_of(condition::kWindowOpen);
  EXPECT_EQ(open.status, ConditionStatus::kFalse);
  EXPECT_EQ(open.reason, "Freeze");
  EXPECT_EQ(open.message, "freeze sale (a big day); the reload may start at " + format_time(at(100)));
  EXPECT_FALSE(cluster_.reload().meta.has_finalizer());
  ASSERT_TRUE(succeeded());
  EXPECT_GE(*cluster_.status().start_time, at(100));
  EXPECT_LT(*cluster_.status().start_time, at(102));
  EXPECT_EQ(condition_of(condition::kWindowOpen).status, ConditionStatus::kTrue);
}

TEST_F(GuardRunTest, WaitingForAWindowCostsOneLookAndNoWrites) {
  freeze(-10, 100'000);
  cluster_.annotate("t1");
  cluster_.run_for(Seconds(30));
  const Plan plan = cluster_.at_rest();
  EXPECT_TRUE(plan.actions.empty());
  EXPECT_EQ(plan.requeue_after, Millis(60'000)) << "as a policy at rest";
}

TEST_F(GuardRunTest, LooksAgainWhenTheWindowOpens) {
  freeze(-10, 20);
  cluster_.annotate("t1");
  ASSERT_TRUE(cluster_.run_until([&] { return waits_for("Freeze"); }));
  const Plan plan = cluster_.at_rest();
  EXPECT_EQ(plan.requeue_after, std::chrono::duration_cast<Millis>(at(20) - cluster_.now()));
}

TEST_F(GuardRunTest, FreezeThatBeginsWhileAReloadRunsDoesNotStopIt) {
  guards().windows = {{"now", {}, 0, policy::kDayMinutes, "UTC"}};
  cluster_.annotate("t1");
  ASSERT_TRUE(cluster_.run_until([&] { return cluster_.status().start_time.has_value(); }));
  freeze(-10, 100'000);
  EXPECT_TRUE(succeeded());
}

TEST_F(GuardRunTest, WindowThatIsClosedHoldsAReloadBack) {
  // at(0) is 22:13:20 UTC.
  guards().windows = {{"late", {}, 22 * 60 + 14, 23 * 60, "UTC"}};
  cluster_.annotate("t1");
  ASSERT_TRUE(cluster_.run_until([&] { return waits_for("WindowClosed"); }));
  EXPECT_THAT(condition_of(condition::kWindowOpen).message, HasSubstr("the next is late"));
  ASSERT_TRUE(succeeded());
  EXPECT_GE(*cluster_.status().start_time, at(40));
}

TEST_F(GuardRunTest, UnknownTimeZoneIsAConditionOfThePolicyAndStartsNothing) {
  guards().windows = {{"office", {}, 0, 60, "Europe/Nowhere"}};
  cluster_.annotate("t1");
  cluster_.run_for(Seconds(5));
  EXPECT_TRUE(waits_for("InvalidSpec"));
  const auto& conditions = cluster_.policy().status.conditions;
  EXPECT_EQ(find_condition(conditions, condition::kStalled)->status, ConditionStatus::kTrue);
  EXPECT_THAT(find_condition(conditions, condition::kReady)->message,
              HasSubstr("spec.guards.windows: office: timeZone: \"Europe/Nowhere\""));
  guards().windows[0] = {"always", {}, 0, policy::kDayMinutes, "UTC"};
  EXPECT_TRUE(succeeded());
}

TEST_F(GuardRunTest, StartsOnceEnoughPeopleHaveApprovedEachCountingOnce) {
  guards().approvals.required = 2;
  cluster_.annotate("t1");
  ASSERT_TRUE(cluster_.run_until([&] { return waits_for("ApprovalsMissing"); }));
  EXPECT_THAT(condition_of(condition::kApproved).message, HasSubstr("2 approvals are asked for, until "));
  approve("jane");
  cluster_.reload().meta.annotations["approve.sidestep.dev/other"] = "jane";
  cluster_.run_for(Seconds(5));
  EXPECT_THAT(condition_of(condition::kApproved).message, HasSubstr("1 given (jane)"));
  approve("system:serviceaccount:ci:release");
  ASSERT_TRUE(succeeded());
  EXPECT_EQ(condition_of(condition::kApproved).status, ConditionStatus::kTrue);
  EXPECT_EQ(condition_of(condition::kApproved).message, "approved by jane, system:serviceaccount:ci:release");
}

TEST_F(GuardRunTest, EndsAbortedPastTheDeadlineAndIsNotTriedAgainByItself) {
  guards().approvals = {2, Seconds(60)};
  cluster_.annotate("t1");
  ASSERT_TRUE(cluster_.run_until([&] { return waits_for("ApprovalsMissing"); }));
  approve("jane");
  ASSERT_TRUE(cluster_.run_to_end());
  EXPECT_EQ(cluster_.status().phase, ReloadPhase::kAborted);
  EXPECT_EQ(cluster_.status().end_reason, "ApprovalDeadlineExceeded");
  EXPECT_FALSE(cluster_.status().start_time);
  EXPECT_GE(*cluster_.status().end_time, cluster_.reload().meta.creation_time + Seconds(60));
  cluster_.run_for(Seconds(30));
  EXPECT_EQ(cluster_.created(), 1);
}

TEST_F(GuardRunTest, ApprovedInTimeItWaitsForItsWindowPastTheDeadline) {
  guards().approvals = {1, Seconds(30)};
  freeze(-10, 100);
  cluster_.annotate("t1");
  ASSERT_TRUE(cluster_.run_until([&] { return waits_for("ApprovalsMissing"); }));
  approve("jane");
  ASSERT_TRUE(cluster_.run_until([&] { return waits_for("Freeze"); }));
  ASSERT_TRUE(succeeded());
  EXPECT_GE(*cluster_.status().start_time, at(100));
}

TEST_F(GuardRunTest, DeadlineEndsAReloadThatWaitsForAnotherOne) {
  guards().approvals = {1, Seconds(10)};
  cluster_.annotate("t1");
  ASSERT_TRUE(cluster_.run_until([&] { return waits_for("ApprovalsMissing"); }));
  cluster_.policy().spec.suspend = true;
  ASSERT_TRUE(cluster_.run_to_end());
  EXPECT_EQ(cluster_.status().end_reason, "ApprovalDeadlineExceeded");
}

// The policy names a ConfigMap; approval is asked for what it held then.
class ApprovedContentTest : public GuardRunTest {
 protected:
  ApprovedContentTest() {
    cluster_.policy().spec.triggers.sources = {{policy::SourceKind::kConfigMap, "c", {}, {}}};
    guards().approvals.required = 1;
    holds("v1:a");
    cluster_.step();
    cluster_.annotate("t1");
    EXPECT_TRUE(cluster_.run_until([&] { return waits_for("ApprovalsMissing"); }));
  }
  void holds(const std::string& hash) { cluster_.world().sources.hash = hash; }
};

TEST_F(ApprovedContentTest, IsWhatTheReloadSays) {
  EXPECT_EQ(cluster_.status().config_hash, "v1:a");
  approve("jane");
  ASSERT_TRUE(succeeded());
  EXPECT_EQ(cluster_.status().config_hash, "v1:a");
}

TEST_F(ApprovedContentTest, OtherContentIsNotStartedHoweverManyApprovedBefore) {
  guards().approvals.required = 2;
  approve("jane");
  cluster_.run_for(Seconds(2));
  holds("v1:b");
  approve("joe");
  cluster_.run_for(Seconds(5));
  EXPECT_TRUE(waits_for("SourcesChanged"));
  EXPECT_EQ(condition_of(condition::kApproved).status, ConditionStatus::kFalse);
  holds("");
  cluster_.run_for(Seconds(5));
  EXPECT_FALSE(cluster_.status().start_time) << "what is not known is not what was approved";
  holds("v1:a");
  EXPECT_TRUE(succeeded()) << "it holds again what they approved";
}

TEST_F(ApprovedContentTest, ChangeInTheMiddleTakesTheReloadBackBeforePodsStartWithIt) {
  cluster_.policy().spec.rollout.steps = {build::step(build::count(1), 500, 60),
                                          build::step(build::percent(100), policy::kWholeWeight)};
  approve("jane");
  ASSERT_TRUE(cluster_.run_until(
      [&] { return cluster_.status().step == 1 && cluster_.status().steps.back().reached_time; }));
  holds("v1:b");
  ASSERT_TRUE(cluster_.run_to_end());
  EXPECT_EQ(cluster_.status().phase, ReloadPhase::kAborted);
  EXPECT_EQ(cluster_.status().end_reason, "SourcesChanged");
  std::size_t began = 0;
  for (auto& [name, pod] : cluster_.pods()) began += pod.ids.size();
  EXPECT_EQ(began, 1u) << "the canary alone";
}

TEST(GuardTokens, ContentThatComesBackWhileItsSuccessorWaitsForApprovalIsAskedForAgain) {
  Observed seen = build::observed();
  seen.policy->spec.triggers.sources = {{policy::SourceKind::kConfigMap, "c", {}, {}}};
  seen.policy->spec.guards.approvals.required = 1;
  seen.policy->status.applied_hash = "v1:0";
  const auto asked = [&](const std::string& hash, int second) -> std::string {
    seen.sources.hash = hash;
    seen.sources.changes = {hash, at(second - 100), at(second - 100)};
    const TriggerDecision decision = decide_triggers(seen, queue_of(seen), at(second));
    seen.policy->status = decision.status;
    if (decision.create.empty()) return "";
    for (api::Reload& before : seen.reloads) {
      before.status.phase = ReloadPhase::kAborted;
      before.status.end_time = at(second);
    }
    seen.reloads.push_back(build::reload(decision.create[0].name, decision.create[0].spec.token, at(second)));
    seen.reloads.back().status.config_hash = hash;
    return decision.create[0].spec.token;
  };
  const std::string first = asked("v1:a", 200);
  EXPECT_NE(first, "");
  EXPECT_EQ(asked("v1:a", 210), "");
  EXPECT_NE(asked("v1:b", 300), "");
  EXPECT_EQ(asked("v1:b", 310), "");
  const std::string again = asked("v1:a", 400);
  EXPECT_NE(again, "");
  EXPECT_NE(again, first);
  EXPECT_EQ(asked("v1:a", 410), "");
}

TEST(ApprovalKey, IsAKeyForAnyUserNameAndAnotherOneForEach) {
  EXPECT_EQ(api::approval_key("jane.doe"), "approve.sidestep.dev/jane.doe");
  for (const char* user : {"jane@example.com", "system:serviceaccount:a:b", "-jane", "",
                           "a-name-that-is-longer-than-the-sixty-three-letters-which-a-key-may-have"}) {
    const std::string key = api::approval_key(user);
    EXPECT_THAT(key, HasSubstr("approve.sidestep.dev/sha256-"));
    EXPECT_LE(key.size(), std::string(api::kApprovePrefix).size() + 63);
  }
  EXPECT_NE(api::approval_key("a@b"), api::approval_key("a@c"));
}

}  // namespace
}  // namespace sidestep::op
