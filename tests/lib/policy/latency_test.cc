// Histograms in, "slower" or not out: chance, slow starts and slow nodes are not taken for a slow candidate.
#include "lib/policy/latency.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "lib/policy/verdict.h"

namespace sidestep::policy {
namespace {

using ::testing::HasSubstr;

void add(Latency& latency, std::uint64_t micros, std::uint64_t times = 1) {
  const auto* bound = std::lower_bound(kLatencyBounds.begin(), kLatencyBounds.end(), micros);
  latency.buckets[static_cast<std::size_t>(bound - kLatencyBounds.begin())] += times;
  latency.sum_us += micros * times;
}

Latency of(std::uint64_t micros, std::uint64_t times) {
  Latency latency;
  add(latency, micros, times);
  return latency;
}

bool is_slower(const Latency& active, const Latency& candidate, int percent = 50) {
  return compare_latency({{active, candidate}}, percent, 50).is_slower;
}

TEST(LatencyTest, ThreeTimesAsSlowIsSeenAndTwiceTheLimitIsNotMissed) {
  EXPECT_TRUE(is_slower(of(10'000, 1'000), of(30'000, 100)));
  EXPECT_FALSE(is_slower(of(10'000, 1'000), of(10'000, 100)));
  EXPECT_FALSE(is_slower(of(10'000, 1'000'000), of(14'900, 1'000'000)));
  EXPECT_TRUE(is_slower(of(10'000, 1'000'000), of(16'000, 1'000'000)));
}

TEST(LatencyTest, TooFewAnswersOfEitherAreNotCompared) {
  for (const auto& [active, candidate] : {std::pair{49, 1'000}, std::pair{1'000, 49}}) {
    const auto judgement = compare_latency({{of(1'000, active), of(900'000, candidate)}}, 50, 50);
    EXPECT_FALSE(judgement.is_slower);
    EXPECT_THAT(judgement.why, HasSubstr("too few"));
  }
}

TEST(LatencyTest, LessThanAMillisecondNeverCounts) {
  EXPECT_FALSE(is_slower(of(100, 100'000), of(1'000, 100'000)));
  EXPECT_TRUE(is_slower(of(100, 100'000), of(1'200, 100'000)));
}

TEST(LatencyTest, AFewSlowAnswersOfAStartAreChanceHoweverLongTheyTook) {
  for (std::uint64_t slow = 1; slow <= 6; ++slow) {
    Latency candidate = of(10'000, 100);
    add(candidate, 60'000'000, slow);
    EXPECT_FALSE(is_slower(of(10'000, 1'000), candidate)) << slow;
  }
}

TEST(LatencyTest, ASlowNodeSaysNothingAboutTheCandidateThatServesMoreOfItsRequests) {
  const LatencyPair slow{of(100'000, 100), of(100'000, 9'900)};
  const LatencyPair fast{of(1'000, 9'900), of(1'000, 100)};
  EXPECT_FALSE(compare_latency({slow, fast}, 50, 50).is_slower);
  const LatencyPair worse{of(100'000, 500), of(300'000, 9'900)};
  EXPECT_TRUE(compare_latency({worse, fast}, 50, 50).is_slower);
}

TEST(LatencyTest, EqualSidesAreNeverCalledSlowerThoughLookedAtAgainAndAgain) {
  std::mt19937 random(7);  // seeded: the same numbers each time
  std::lognormal_distribution<double> micros(9, 1.2);
  int called = 0;
  for (int run = 0; run < 200; ++run) {
    Latency active, candidate;
    bool is_called = false;
    for (int i = 0; i < 500; ++i) {
      add(active, static_cast<std::uint64_t>(micros(random)));
      add(candidate, static_cast<std::uint64_t>(micros(random)));
      if (i % 10 == 0) is_called = is_called || is_slower(active, candidate, 1);
    }
    called += is_called ? 1 : 0;
  }
  EXPECT_LE(called, 10) << "at the limit itself, of 200 runs with 50 looks each";
}

TEST(LatencyTest, TwiceAsSlowIsSeenWithinAThousandAnswersOfASkewedDistribution) {
  std::mt19937 random(11);
  std::lognormal_distribution<double> micros(9, 0.8);
  int seen = 0;
  for (int run = 0; run < 50; ++run) {
    Latency active, candidate;
    for (int i = 0; i < 1'000; ++i) {
      add(active, static_cast<std::uint64_t>(micros(random)));
      add(candidate, static_cast<std::uint64_t>(2 * micros(random)));
    }
    seen += is_slower(active, candidate, 25) ? 1 : 0;
  }
  EXPECT_GE(seen, 45);
}

TEST(LatencyTest, VerdictSaysSlowerApartFromErrorsAndOnlyWhereThePolicyHasALimit) {
  const Sample active{1'000, 0, of(10'000, 1'000)};
  const Sample candidate{100, 0, of(90'000, 100)};
  Analysis analysis;
  EXPECT_EQ(judge(active, candidate, analysis).verdict, Verdict::kGood);
  analysis.max_latency_increase_percent = 50;
  const Judgement judgement = judge(active, candidate, analysis);
  EXPECT_EQ(judgement.verdict, Verdict::kWorse);
  EXPECT_TRUE(judgement.by_latency);
  EXPECT_EQ(judgement.why,
            "candidate: answers take 90.0 ms, active's 10.0 ms; the limit is 50 % above active");
  EXPECT_FALSE(judge({1'000, 0}, {100, 100}, analysis).by_latency);
}

}  // namespace
}  // namespace sidestep::policy
