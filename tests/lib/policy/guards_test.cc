// When a reload may start: windows over midnight and over changes of the clock, freezes, and both together.
#include "lib/policy/guards.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "lib/policy/spec.h"

namespace sidestep::policy {
namespace {
using ::testing::HasSubstr;
using State = StartLook::State;

// 2026-11-23 is a Monday.
WallTime on(int month, int day, int hour, int minute = 0) {
  return WallTime(std::chrono::sys_days(std::chrono::year(2026) / month / day)) + std::chrono::hours(hour) +
         std::chrono::minutes(minute);
}

std::bitset<7> days_of(std::initializer_list<std::size_t> days) {
  std::bitset<7> out;
  for (const std::size_t day : days) out.set(day);
  return out;
}

constexpr int hm(int hour, int minute = 0) { return hour * 60 + minute; }

StartLook look_of(const Guards& guards, WallTime now) {
  const auto look = start_look(guards, now);
  EXPECT_TRUE(look) << look.error().detail;
  return look.value_or({});
}

Guards with_window(Window window) {
  Guards guards;
  guards.windows.push_back(std::move(window));
  return guards;
}

TEST(GuardsTest, WithoutWindowsAndFreezesItIsOpen) {
  EXPECT_EQ(look_of({}, on(11, 23, 3)).state, State::kOpen);
}

TEST(GuardsTest, WindowIsOpenFromItsStartToBeforeItsEndOnItsDays) {
  const Guards office = with_window({"office", days_of({1, 2, 3, 4}), hm(9), hm(17), "UTC"});
  struct Row {
    WallTime now;
    bool open;
    WallTime opens;
  };
  const Row rows[] = {{on(11, 23, 8, 59), false, on(11, 23, 9)},
                      {on(11, 23, 9), true, {}},
                      {on(11, 23, 16, 59), true, {}},
                      {on(11, 23, 17), false, on(11, 24, 9)},
                      {on(11, 26, 17), false, on(11, 30, 9)},
                      {on(11, 28, 12), false, on(11, 30, 9)}};
  for (const Row& row : rows) {
    const StartLook look = look_of(office, row.now);
    EXPECT_EQ(look.state == State::kOpen, row.open) << format_time(row.now);
    EXPECT_EQ(look.opens, row.open ? std::nullopt : std::optional(row.opens)) << format_time(row.now);
  }
  EXPECT_EQ(look_of(office, on(11, 23, 17)).what, "no window is open; the next is office");
}

TEST(GuardsTest, WindowOverMidnightBelongsToTheDayOnWhichItBegins) {
  const Guards night = with_window({"night", days_of({1}), hm(22), hm(4), "UTC"});
  EXPECT_EQ(look_of(night, on(11, 23, 21, 59)).opens, on(11, 23, 22));
  EXPECT_EQ(look_of(night, on(11, 23, 23)).state, State::kOpen);
  EXPECT_EQ(look_of(night, on(11, 24, 3, 59)).state, State::kOpen) << "Tuesday's first hours are Monday's";
  EXPECT_EQ(look_of(night, on(11, 24, 4)).opens, on(11, 30, 22));
  EXPECT_EQ(look_of(night, on(11, 23, 3)).state, State::kNoWindow) << "Sunday is none of its days";
}

TEST(GuardsTest, WholeDayEndsAtMidnightAndTwoOfThemMeet) {
  const Guards weekend = with_window({"weekend", days_of({6, 0}), hm(0), hm(24), "UTC"});
  EXPECT_EQ(look_of(weekend, on(11, 28, 23, 59)).state, State::kOpen);
  EXPECT_EQ(look_of(weekend, on(11, 29, 0)).state, State::kOpen);
  EXPECT_EQ(look_of(weekend, on(11, 30, 0)).opens, on(12, 5, 0));
}

TEST(GuardsTest, TimesOfDayAreThoseOfTheZoneAndSoAreDays) {
  const Guards shanghai = with_window({"office", days_of({1}), hm(1), hm(17), "Asia/Shanghai"});
  EXPECT_EQ(look_of(shanghai, on(11, 22, 16, 59)).opens, on(11, 22, 17)) << "Sunday in UTC, Monday there";
  EXPECT_EQ(look_of(shanghai, on(11, 23, 8, 59)).state, State::kOpen);
  EXPECT_EQ(look_of(shanghai, on(11, 23, 9)).state, State::kNoWindow);
}

TEST(GuardsTest, WindowFollowsTheClockThroughTheYear) {
  const Guards berlin = with_window({"office", {}, hm(9), hm(17), "Europe/Berlin"});
  EXPECT_EQ(look_of(berlin, on(3, 28, 17)).opens, on(3, 29, 7)) << "summer time began in the night";
  EXPECT_EQ(look_of(berlin, on(10, 24, 16)).opens, on(10, 25, 8)) << "and ended";
}

TEST(GuardsTest, TimeThatTheClockSkipsIsTheEndOfTheGap) {
  // 02:00 becomes 03:00 at 01:00 UTC.
  const Guards begins = with_window({"night", {}, hm(2, 30), hm(4), "Europe/Berlin"});
  EXPECT_EQ(look_of(begins, on(3, 29, 0, 59)).opens, on(3, 29, 1));
  EXPECT_EQ(look_of(begins, on(3, 29, 1, 59)).state, State::kOpen);
  EXPECT_EQ(look_of(begins, on(3, 29, 2)).state, State::kNoWindow) << "04:00";
  const Guards within = with_window({"night", {}, hm(2), hm(3), "Europe/Berlin"});
  EXPECT_EQ(look_of(within, on(3, 29, 0, 30)).opens, on(3, 30, 0)) << "the clock shows none of it that day";
}

TEST(GuardsTest, TimeThatComesTwiceCountsBothTimes) {
  // 03:00 becomes 02:00 at 01:00 UTC: 02:30 is 00:30 and 01:30 UTC.
  const Guards night = with_window({"night", {}, hm(2), hm(2, 30), "Europe/Berlin"});
  EXPECT_EQ(look_of(night, on(10, 25, 0)).state, State::kOpen);
  EXPECT_EQ(look_of(night, on(10, 25, 1, 29)).state, State::kOpen);
  EXPECT_EQ(look_of(night, on(10, 25, 1, 30)).opens, on(10, 26, 1));
}

TEST(GuardsTest, FreezeKeepsClosedFromItsStartToItsEndAndNamesItsReason) {
  Guards guards;
  guards.freezes = {{"holidays", on(12, 24, 0), on(12, 27, 0), "nobody is there"}};
  EXPECT_EQ(look_of(guards, on(12, 23, 23, 59)).state, State::kOpen);
  const StartLook look = look_of(guards, on(12, 24, 0));
  EXPECT_EQ(look.state, State::kFreeze);
  EXPECT_EQ(look.what, "freeze holidays (nobody is there)");
  EXPECT_EQ(look.opens, on(12, 27, 0));
  EXPECT_EQ(look_of(guards, on(12, 27, 0)).state, State::kOpen);
}

TEST(GuardsTest, OpeningIsTheFirstMomentThatWindowsAndFreezesAllow) {
  Guards guards = with_window({"office", days_of({1, 2, 3, 4, 5}), hm(9), hm(17), "UTC"});
  // Thursday noon to Friday noon, and on to the next Monday morning: two freezes that meet.
  guards.freezes = {{"a", on(11, 26, 12), on(11, 27, 12), ""}, {"b", on(11, 27, 11), on(11, 30, 10), ""}};
  EXPECT_EQ(look_of(guards, on(11, 26, 13)).opens, on(11, 30, 10));
  EXPECT_EQ(look_of(guards, on(11, 26, 11)).state, State::kOpen);
  guards.freezes[1].end = on(11, 30, 18);
  EXPECT_EQ(look_of(guards, on(11, 26, 18)).opens, on(12, 1, 9)) << "Monday's window is frozen as a whole";
  guards.freezes = {{"weekend", on(11, 28, 0), on(11, 30, 0), ""}};
  EXPECT_EQ(look_of(guards, on(11, 28, 1)).opens, on(11, 30, 9)) << "a freeze ends while no window is open";
}

TEST(GuardsTest, EveryFreezeThatCoversAWindowIsPassed) {
  Guards guards = with_window({"noon", {}, hm(12), hm(13), "UTC"});
  for (int day = 1; day <= 16; ++day) guards.freezes.push_back({"f", on(12, day, 11), on(12, day, 14), ""});
  EXPECT_EQ(look_of(guards, on(12, 1, 10)).opens, on(12, 17, 12));
}

TEST(GuardsTest, UnknownZoneIsNamedWithItsWindow) {
  const Guards guards = with_window({"office", {}, hm(9), hm(17), "Europe/Nowhere"});
  for (const std::string& text :
       {check_zones(guards).error().detail, start_look(guards, on(1, 1, 0)).error().detail}) {
    EXPECT_THAT(text, HasSubstr("windows: office: timeZone: \"Europe/Nowhere\" is not in the time zone"));
  }
}

constexpr const char* kGuards = R"(
guards:
  windows:
  - {name: office, days: [Mon, Tue, Wed, Thu], startTimeOfDay: "09:00", endTimeOfDay: "17:30", timeZone: Asia/Shanghai}
  - {name: night, startTimeOfDay: 22:00, endTimeOfDay: "24:00"}
  freezes: [{name: holidays, startTime: "2026-12-24T00:00:00Z", endTime: "2027-01-02T00:00:00+08:00", reason: holidays}]
  approvals: {required: 2, deadlineSeconds: 3600}
)";

TEST(GuardsSpec, IsReadAndWrittenBackTheSame) {
  const auto spec = parse_policy(kGuards, "p");
  ASSERT_TRUE(spec) << spec.error().detail;
  const Guards& guards = spec->guards;
  EXPECT_EQ(guards.windows.at(0).days, days_of({1, 2, 3, 4}));
  EXPECT_EQ(guards.windows.at(0).end, hm(17, 30));
  EXPECT_EQ(guards.windows.at(1).end, kDayMinutes);
  EXPECT_EQ(guards.windows.at(1).time_zone, "UTC");
  EXPECT_EQ(guards.freezes.at(0).end - guards.freezes.at(0).start, std::chrono::hours(9 * 24 - 8));
  EXPECT_EQ(guards.approvals.required, 2);
  const std::string text = policy_to_json(*spec);
  EXPECT_THAT(text, HasSubstr(R"("days":["Mon","Tue","Wed","Thu"],"startTimeOfDay":"09:00")"));
  const auto again = parse_policy(text, "p");
  ASSERT_TRUE(again) << again.error().detail;
  EXPECT_EQ(policy_to_json(*again), text);
}

TEST(GuardsSpec, EveryMistakeIsNamed) {
  const auto spec = parse_policy(R"(
guards:
  windows:
  - {name: a, days: [Mon, Mon, Foo], startTimeOfDay: "9:00", endTimeOfDay: "24:01"}
  - {name: a, startTimeOfDay: "24:00", endTimeOfDay: "10:00"}
  - {startTimeOfDay: "10:00", endTimeOfDay: "10:00"}
  - {name: c}
  freezes: [{name: f, startTime: tomorrow, endTime: "2026-01-01T00:00:00Z"}, {name: g, startTime: "2026-01-02T00:00:00Z", endTime: "2026-01-01T00:00:00Z"}]
  approvals: {deadlineSeconds: 0}
)",
                                 "p");
  ASSERT_FALSE(spec);
  const std::string& text = spec.error().detail;
  for (const char* part :
       {"guards.windows[0].days: Mon: stands in the list twice", "guards.windows[0].days: Foo: is no day",
        "guards.windows[0].startTimeOfDay: \"9:00\": is no time of day",
        "guards.windows[0].endTimeOfDay: \"24:01\": is no time of day",
        "guards.windows[1].name: a: stands in the list twice",
        "guards.windows[1].startTimeOfDay: \"24:00\": is no time of day",
        "guards.windows[2].name: absent: is missing",
        "guards.windows[2].endTimeOfDay: \"10:00\": is the same",
        "guards.windows[3].startTimeOfDay: absent: is missing",
        "guards.freezes[0].startTime: tomorrow: is no instant",
        "guards.freezes[1].endTime: \"2026-01-01T00:00:00Z\": is not after startTime",
        "guards.approvals.required: absent: is missing; write how many people must approve",
        "guards.approvals.deadlineSeconds: 0: is out of range; write a number from 1 to 2592000"}) {
    EXPECT_THAT(text, HasSubstr(part));
  }
}

}  // namespace
}  // namespace sidestep::policy
