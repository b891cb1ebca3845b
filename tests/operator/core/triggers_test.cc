// When a change of a named ConfigMap or Secret, or the time of a schedule, makes a Reload, and when it must
// not.
#include "operator/core/triggers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "lib/policy/debounce.h"
#include "operator/core/conditions.h"
#include "operator/core/reconcile.h"
#include "tests/support/builders.h"

namespace sidestep::op {
namespace {

using api::ReloadPhase;
using build::at;
using ::testing::HasSubstr;

class TriggersTest : public ::testing::Test {
 protected:
  TriggersTest() {
    seen_.policy->spec.triggers.sources = {{policy::SourceKind::kConfigMap, "shop-config", {}, {}},
                                           {policy::SourceKind::kSecret, "shop-db", {}, {}}};
    holds("v1:a");
  }
  void holds(const std::string& hash) { seen_.sources.hash = hash; }
  // What the driver does at each look, then the decision; statuses and new Reloads are stored.
  std::vector<CreateReload> look(int second) {
    seen_.sources.changes =
        policy::noted(seen_.sources.changes, seen_.sources.hash, settled_hash(seen_), at(second));
    TriggerDecision decision = decide_triggers(seen_, queue_of(seen_), at(second));
    seen_.policy->status = decision.status;
    look_again_ = decision.look_again;
    for (const CreateReload& create : decision.create) {
      seen_.reloads.push_back(build::reload(create.name, create.spec.token, at(second)));
    }
    return decision.create;
  }
  std::size_t looks(int from, int to) {
    std::size_t made = 0;
    for (int second = from; second < to; ++second) made += look(second).size();
    return made;
  }
  // The newest Reload starts, and ends.
  void run(ReloadPhase phase) {
    api::Reload& reload = seen_.reloads.back();
    reload.status.start_time = reload.meta.creation_time;
    reload.status.config_hash = seen_.sources.hash;
    reload.status.phase = phase;
    if (phase != ReloadPhase::kProgressing) reload.status.end_time = reload.meta.creation_time + Seconds(1);
    seen_.policy->status.last_reload = reload.meta.name;
  }
  const api::ReloadPolicyStatus& status() const { return seen_.policy->status; }

  Observed seen_ = build::observed();
  std::optional<Millis> look_again_;
};

TEST_F(TriggersTest, LeaderWhoseClockWasAYearAheadSilencesNoSchedule) {
  seen_.policy->spec.triggers.sources.clear();
  seen_.policy->spec.triggers.schedule = policy::Schedule{"*/5 * * * *", "UTC", Seconds(600)};
  seen_.policy->status.last_schedule_time = at(0) + std::chrono::hours(24 * 365);
  EXPECT_EQ(looks(0, 1), 0u) << "times that are over do not count";
  EXPECT_EQ(looks(1, 302), 1u);
  // A few seconds are what clocks differ by: what was due is not due again.
  seen_.reloads.clear();
  seen_.policy->status.last_schedule_time = at(700);
  EXPECT_EQ(looks(690, 700), 0u);
}

TEST_F(TriggersTest, ClockThatIsSetBackMakesNoChangeWaitForIt) {
  look(7000), holds("v1:b"), look(7001);
  EXPECT_EQ(looks(100, 110), 1u);
}

TEST_F(TriggersTest, ContentAtFirstSightIsAdopted) {
  EXPECT_EQ(looks(0, 100), 0u);
  EXPECT_EQ(status().applied_hash, "v1:a");
  EXPECT_EQ(status().desired_hash, "v1:a");
}

TEST_F(TriggersTest, ManyChangesMakeOneReloadAfterTheQuietPeriod) {
  look(0);
  for (int second = 1; second <= 3; ++second) holds("v1:b" + std::to_string(second)), look(second);
  EXPECT_EQ(look_again_, Millis(5'000));
  EXPECT_EQ(looks(4, 8), 0u);
  const auto made = look(8);
  ASSERT_EQ(made.size(), 1u);
  EXPECT_EQ(made[0].spec.reason, "changed: ConfigMap/shop-config, Secret/shop-db");
  EXPECT_EQ(looks(9, 200), 0u);
}

TEST_F(TriggersTest, ChangesThatNeverRestReloadAfterTheLongestWait) {
  look(0);
  std::size_t made = 0;
  int second = 1;
  for (; made == 0 && second < 100; ++second)
    holds("v1:b" + std::to_string(second)), made += look(second).size();
  EXPECT_EQ(second - 1, 61);
}

TEST_F(TriggersTest, ChangeMadeWhileNoOperatorRanIsFoundAndARestartStartsNothing) {
  look(0);
  seen_.sources.changes = {};
  EXPECT_EQ(looks(10, 100), 0u);
  holds("v1:b");
  seen_.sources.changes = {};
  EXPECT_EQ(looks(100, 105), 0u);
  EXPECT_EQ(look(105).size(), 1u);
  seen_.sources.changes = {};  // and once more, with the Reload under way
  run(ReloadPhase::kProgressing);
  EXPECT_EQ(looks(106, 200), 0u);
  run(ReloadPhase::kSucceeded);
  look(200);
  EXPECT_EQ(status().applied_hash, "v1:b");
  EXPECT_EQ(status().previous_hash, "v1:a");
  seen_.sources.changes = {};
  EXPECT_EQ(looks(201, 300), 0u);
}

TEST_F(TriggersTest, FailedContentIsNotTriedAgainByItselfButTheNextOneIs) {
  look(0), holds("v1:b"), looks(1, 7);
  run(ReloadPhase::kFailed);
  EXPECT_EQ(looks(7, 100), 0u);
  EXPECT_EQ(status().applied_hash, "v1:a");
  holds("v1:a");
  EXPECT_EQ(looks(100, 200), 0u) << "back to what the pods run";
  holds("v1:c");
  EXPECT_EQ(looks(200, 210), 1u);
}

TEST_F(TriggersTest, ContentThatComesBackLaterIsReloadedAgain) {
  look(0);
  int second = 1;
  for (const char* hash : {"v1:b", "v1:a", "v1:b", "v1:a"}) {
    holds(hash);
    EXPECT_EQ(looks(second, second + 20), 1u) << hash;
    run(ReloadPhase::kSucceeded);
    look(second + 20);
    EXPECT_EQ(status().applied_hash, hash);
    second += 21;
  }
}

TEST_F(TriggersTest, ManualReloadThatBroughtTheContentIsEnough) {
  look(0), holds("v1:b"), look(1);
  seen_.reloads.push_back(build::reload("by-hand", "t", at(2)));
  run(ReloadPhase::kProgressing);
  EXPECT_EQ(looks(2, 50), 0u);
  run(ReloadPhase::kSucceeded);
  EXPECT_EQ(looks(50, 100), 0u);
  EXPECT_EQ(status().applied_hash, "v1:b");
}

TEST_F(TriggersTest, SuspendedPolicyWaitsAndAnUnreadSourceToo) {
  look(0), holds("v1:b");
  seen_.policy->spec.suspend = true;
  EXPECT_EQ(looks(1, 50), 0u);
  holds("");
  seen_.policy->spec.suspend = false;
  EXPECT_EQ(looks(50, 60), 0u);
  EXPECT_EQ(look_again_, Millis(200));
  holds("v1:b");
  EXPECT_EQ(looks(60, 70), 1u);
}

TEST_F(TriggersTest, AnotherVersionOfTheHashIsAdoptedSinceNothingChanged) {
  look(0), holds("v2:x");
  EXPECT_EQ(looks(1, 50), 0u);
  EXPECT_EQ(status().applied_hash, "v2:x");
}

TEST_F(TriggersTest, ForbiddenSourceIsAConditionAndAnEventWithTheRule) {
  holds("");
  seen_.sources.problems = {{policy::SourceKind::kSecret, "shop-db", true, "403"}};
  const Plan plan = reconcile(seen_, at(0));
  std::string told;
  for (const Action& action : plan.actions) {
    if (const auto* event = std::get_if<EmitEvent>(&action); event && event->reason == "SourceForbidden")
      told = event->note;
  }
  EXPECT_THAT(
      told,
      HasSubstr("{apiGroups: [\"\"], resources: [secrets], resourceNames: [shop-db], verbs: [get, list, "
                "watch]} to a Role of the operator in namespace prod"));
}

TEST_F(TriggersTest, ScheduleMakesOneReloadWhenItIsDue) {
  seen_.policy->spec.triggers = {};
  seen_.policy->spec.triggers.schedule = policy::Schedule{"*/5 * * * *", "UTC", Seconds(600)};
  EXPECT_TRUE(look(0).empty());  // 22:13:20
  ASSERT_TRUE(look_again_);
  EXPECT_EQ(*look_again_, Seconds(100));
  EXPECT_EQ(look(99).size(), 0u);
  const auto made = look(100);
  ASSERT_EQ(made.size(), 1u);
  EXPECT_EQ(made[0].spec.token, "schedule-2023-11-14T22:15:00.000Z");
  EXPECT_EQ(looks(101, 300), 0u);
  EXPECT_EQ(look(1'000).size(), 1u) << "several missed ones are one";
}

TEST_F(TriggersTest, UnknownTimeZoneStallsThePolicyAndNamesItself) {
  seen_.policy->spec.triggers.schedule = policy::Schedule{"0 3 * * *", "Mars/Olympus", Seconds(600)};
  const auto obstacle = obstacle_of(seen_);
  ASSERT_TRUE(obstacle);
  EXPECT_EQ(obstacle->reason, Reason::kInvalidSpec);
  EXPECT_THAT(obstacle->message, HasSubstr("spec.triggers.schedule.timeZone: \"Mars/Olympus\""));
}

TEST(KeyedHash, KeepsTheVersionAndDependsOnTheKey) {
  const std::string hash = keyed_hash("key", "v1:sha256:aa");
  EXPECT_TRUE(hash.starts_with("v1:hmac-sha256:"));
  EXPECT_NE(hash, keyed_hash("other", "v1:sha256:aa"));
}

}  // namespace
}  // namespace sidestep::op
