// What starts a reload: key filters, content hashes, the quiet period, and schedules over days with a change
// of the clock.
#include "lib/policy/triggers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "lib/policy/content.h"
#include "lib/policy/cron.h"
#include "lib/policy/debounce.h"
#include "lib/policy/schedule.h"
#include "lib/policy/signature.h"
#include "lib/policy/spec.h"

namespace sidestep::policy {
namespace {
using namespace std::chrono_literals;
using ::testing::HasSubstr;

WallTime utc(int month, int day, int hour, int minute) {
  return WallTime(std::chrono::sys_days(std::chrono::year(2026) / month / day)) + std::chrono::hours(hour) +
         std::chrono::minutes(minute);
}

TEST(Source, KeysCountByNameOrPatternAndExclusionWins) {
  const Source all{SourceKind::kConfigMap, "c", {}, {"*.md", "draft-*"}};
  EXPECT_TRUE(all.counts("shop.yaml"));
  EXPECT_FALSE(all.counts("README.md"));
  EXPECT_FALSE(all.counts("draft-1"));
  const Source some{SourceKind::kConfigMap, "c", {"shop.yaml", "*a*b"}, {"xab"}};
  EXPECT_TRUE(some.counts("shop.yaml"));
  EXPECT_TRUE(some.counts("--a--b"));
  EXPECT_FALSE(some.counts("xab"));
  EXPECT_FALSE(some.counts("a-b-c"));
}

TEST(ContentHash, IsThatOfTheContract) {
  EXPECT_EQ(content_hash({}), "v1:sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(content_hash({{"ConfigMap/a", {{"k", sha256_hex("v")}}}}),
            "v1:sha256:" + sha256_hex("ConfigMap/a\nk " + sha256_hex("v") + "\n"));
}

TEST(ContentHash, ChangesWithEachPartAndNotWithTheOrderOfSources) {
  const SourceContent a{"ConfigMap/a", {{"k", "1"}}}, b{"Secret/b", {{"k", "2"}}};
  const std::string hash = content_hash({a, b});
  EXPECT_EQ(hash, content_hash({b, a}));
  EXPECT_NE(hash, content_hash({a, {"Secret/b", {{"k", "3"}}}}));
  EXPECT_NE(hash, content_hash({a, {"Secret/b", {{"l", "2"}}}}));
  EXPECT_NE(hash, content_hash({a, {"ConfigMap/b", {{"k", "2"}}}}));
  EXPECT_NE(hash, content_hash({a, {"Secret/b", {}}}));
}

TEST(Debounce, ManyChangesWaitForAQuietMomentButNotForEver) {
  const WallTime began = utc(1, 1, 0, 0);
  Debounce state = noted({}, "a", "a", began);
  EXPECT_FALSE(due_at(state, 5s, 60s));
  state = noted(state, "b", "a", began);
  EXPECT_EQ(due_at(state, 5s, 60s), began + 5s);
  state = noted(state, "b", "a", began + 4s);
  EXPECT_EQ(due_at(state, 5s, 60s), began + 5s) << "a look is no change";
  for (int i = 1; i < 100; ++i) state = noted(state, std::to_string(i), "a", began + i * 1s);
  EXPECT_EQ(due_at(state, 5s, 60s), began + 60s);
}

TEST(Debounce, WishThatGoesBackIsNoWish) {
  Debounce state = noted({}, "b", "a", utc(1, 1, 0, 0));
  state = noted(state, "a", "a", utc(1, 1, 0, 1));
  EXPECT_FALSE(due_at(state, 5s, 60s));
  state = noted(state, "b", "a", utc(1, 1, 0, 2));
  EXPECT_EQ(due_at(state, 5s, 60s), utc(1, 1, 0, 2) + 5s);
}

TEST(Cron, ListsRangesStepsAndNamesAreRead) {
  const auto cron = parse_cron("*/20 8-10,22 1 * mon-fri");
  ASSERT_TRUE(cron);
  EXPECT_EQ(cron->minutes.count(), 3u);
  EXPECT_EQ(cron->hours.count(), 4u);
  EXPECT_TRUE(cron->has_day(6, 1, 0)) << "the first, a Sunday: either day counts";
  EXPECT_TRUE(cron->has_day(6, 2, 1));
  EXPECT_FALSE(cron->has_day(6, 6, 6));
  EXPECT_TRUE(parse_cron("0 0 * * 7")->weekdays.test(0)) << "7 is Sunday too";
}

TEST(Cron, MistakeNamesTheFieldTheValueAndTheFix) {
  for (const auto& [text, message] : std::vector<std::pair<std::string, std::string>>{
           {"60 * * * *", "minute \"60\" is not understood; write *, 0..59"},
           {"* * * *", "has 4 fields"},
           {"* 5-1 * * *", "hour \"5-1\""},
           {"* * 0 * *", "day of month \"0\""},
           {"* * * foo *", "month \"foo\""},
           {"*/0 * * * *", "minute \"*/0\""},
           {"1, * * * *", "empty part"},
           {"", "has 0 fields"}}) {
    const auto cron = parse_cron(text);
    ASSERT_FALSE(cron) << text;
    EXPECT_THAT(cron.error().detail, HasSubstr(message));
  }
}

TEST(Schedule, IsDueInItsTimeZone) {
  EXPECT_EQ(**next_due({"30 3 * * *", "UTC", 600s}, utc(1, 1, 3, 30)), utc(1, 2, 3, 30));
  EXPECT_EQ(**next_due({"30 3 * * *", "Asia/Shanghai", 600s}, utc(1, 1, 0, 0)), utc(1, 1, 19, 30));
  EXPECT_FALSE(*next_due({"0 0 30 2 *", "UTC", 600s}, utc(1, 1, 0, 0)));
  const auto unknown = next_due({"0 0 * * *", "Europe/Nowhere", 600s}, utc(1, 1, 0, 0));
  ASSERT_FALSE(unknown);
  EXPECT_THAT(unknown.error().detail, HasSubstr("Europe/Nowhere"));
}

TEST(Schedule, TimeThatTheClockSkipsIsDueAtTheEndOfTheGapAndOneThatComesTwiceOnce) {
  const Schedule berlin{"30 2 * * *", "Europe/Berlin", 600s};
  EXPECT_EQ(**next_due(berlin, utc(3, 29, 0, 0)), utc(3, 29, 1, 0)) << "02:00 becomes 03:00";
  EXPECT_EQ(**next_due(berlin, utc(10, 25, 0, 0)), utc(10, 25, 0, 30));
  EXPECT_EQ(**next_due(berlin, utc(10, 25, 0, 30)), utc(10, 26, 1, 30));
}

TEST(Schedule, MissedTimesAreOneAndOnlyWithinTheDeadline) {
  const Schedule hourly{"0 * * * *", "UTC", 600s};
  const auto at_once = look_at(hourly, utc(1, 1, 0, 0), utc(1, 1, 5, 9));
  EXPECT_EQ(at_once->due, utc(1, 1, 5, 0));
  EXPECT_EQ(at_once->next, utc(1, 1, 6, 0));
  EXPECT_FALSE(look_at(hourly, utc(1, 1, 0, 0), utc(1, 1, 5, 11))->due);
  EXPECT_FALSE(look_at(hourly, utc(1, 1, 5, 0), utc(1, 1, 5, 9))->due) << "handled";
}

TEST(TriggersSpec, IsReadAndWrittenBackTheSame) {
  const auto spec = parse_policy(R"(
triggers:
  configMaps: [{name: shop-config, includeKeys: [shop.yaml], excludeKeys: ["*.md"]}]
  secrets: [{name: shop-db}]
  quietPeriodSeconds: 2
  maxWaitSeconds: 20
  schedule: {cron: "30 3 * * *", timeZone: Europe/Berlin}
)",
                                 "p");
  ASSERT_TRUE(spec) << spec.error().detail;
  EXPECT_EQ(spec->triggers.sources.at(1).text(), "Secret/shop-db");
  const std::string text = policy_to_json(*spec);
  EXPECT_EQ(policy_to_json(*parse_policy(text, "p")), text);
  EXPECT_THAT(text, HasSubstr(R"("schedule":{"cron":"30 3 * * *","timeZone":"Europe/Berlin")"));
}

TEST(TriggersSpec, EveryMistakeIsNamed) {
  const auto spec = parse_policy(R"(
triggers:
  configMaps: [{name: Shop}, {name: a, includeKeys: ["a b"]}, {name: a}]
  maxWaitSeconds: 1
  schedule: {cron: "61 * * * *"}
)",
                                 "p");
  ASSERT_FALSE(spec);
  for (const char* part : {"is not an object's name", "is no key", "stands in the list twice",
                           "maxWaitSeconds", "minute \"61\""})
    EXPECT_THAT(spec.error().detail, HasSubstr(part));
}

}  // namespace
}  // namespace sidestep::policy
