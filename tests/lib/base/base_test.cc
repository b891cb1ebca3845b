// The small values that everything is built on: durations, back-off, times.
#include <gtest/gtest.h>

#include "lib/base/backoff.h"
#include "lib/base/clock.h"
#include "lib/base/duration.h"
#include "lib/base/time_text.h"

namespace sidestep {
namespace {

TEST(DurationTest, UnitsAreReadAndABareNumberIsRefusedWithTheFix) {
  EXPECT_EQ(*parse_duration("250ms"), Millis(250));
  EXPECT_EQ(*parse_duration("2h"), Millis(7'200'000));
  for (const char* wrong : {"", "5", "5 s", "-1s", "1.5s", "9999999999999s", "s"}) {
    const auto result = parse_duration(wrong);
    ASSERT_FALSE(result) << wrong;
    EXPECT_NE(result.error().detail.find("for instance 250ms"), std::string::npos);
  }
}

TEST(DurationTest, WrittenInTheShortestExactForm) {
  EXPECT_EQ(format_duration(Millis(1500)), "1500ms");
  EXPECT_EQ(format_duration(Millis(2000)), "2s");
  EXPECT_EQ(format_duration(Millis(7'200'000)), "2h");
  EXPECT_EQ(format_duration(Millis(0)), "0ms");
}

TEST(BackoffTest, DoublesUpToItsLimitAndIsSpreadOverItsUpperHalf) {
  const BackoffLimits limits{Millis(100), Millis(1000), 2.0};
  EXPECT_EQ(backoff_delay(limits, 0, 0.0), Millis(50));
  EXPECT_EQ(backoff_delay(limits, 1, 0.999), Millis(199));
  EXPECT_EQ(backoff_delay(limits, 60, 0.0), Millis(500));
}

TEST(ClockTest, TimesAreWrittenInUtcWithMilliseconds) {
  EXPECT_EQ(format_time(WallTime(Millis(1'795'426'200'125))), "2026-11-23T09:30:00.125Z");
}

TEST(TimeTextTest, InstantsThatMeanNeverAreFarAheadAndNotInThePast) {
  for (const char* never : {"2262-04-12T00:00:00Z", "2600-01-01T00:00:00Z", "9999-12-31T23:59:59Z"}) {
    const auto time = parse_time(never);
    ASSERT_TRUE(time) << never;
    EXPECT_EQ(format_time(*time), "2200-01-01T00:00:00.000Z") << never;
  }
  EXPECT_EQ(format_time(*parse_time("2199-12-31T23:59:59Z")), "2199-12-31T23:59:59.000Z");
  EXPECT_FALSE(parse_time("9999-13-31T23:59:59Z"));
}

}  // namespace
}  // namespace sidestep
