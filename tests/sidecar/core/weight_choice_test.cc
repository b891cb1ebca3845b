// The share is exact over every window of 10,000, and no client's rhythm can follow the choice.
#include "sidecar/core/weight_choice.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

namespace sidestep::sidecar {
namespace {

std::vector<bool> choices(int weight, std::uint64_t seed, std::size_t count) {
  WeightChoice choice;
  choice.set(weight, seed);
  std::vector<bool> made;
  for (std::size_t i = 0; i < count; ++i) made.push_back(choice.next_is_candidate());
  return made;
}

// The farthest that any window of 10,000 is off its share.
long worst_window(const std::vector<bool>& made, int weight) {
  long inside = std::count(made.begin(), made.begin() + 10'000, true);
  long worst = std::labs(inside - weight);
  for (std::size_t i = 10'000; i < made.size(); ++i) {
    inside += static_cast<long>(made[i]) - static_cast<long>(made[i - 10'000]);
    worst = std::max(worst, std::labs(inside - weight));
  }
  return worst;
}

TEST(WeightChoiceTest, AnyTenThousandConsecutiveChoicesAreOffByAtMostOne) {
  for (const int weight :
       {1, 2, 3, 7, 99, 500, 1234, 2500, 3333, 3334, 4000, 4999, 5000, 5001, 6667, 9500, 9999}) {
    for (std::uint64_t seed = 1; seed <= 5; ++seed) {
      EXPECT_LE(worst_window(choices(weight, seed, 35'000), weight), 1) << weight << " seed " << seed;
    }
  }
}

TEST(WeightChoiceTest, EveryWeightIsExactOverAWindow) {
  for (int weight = 0; weight <= 10'000; weight += 13) {
    EXPECT_LE(worst_window(choices(weight, 42, 12'000), weight), 1) << weight;
  }
}

TEST(WeightChoiceTest, ZeroIsNeverAndTenThousandIsAlways) {
  const std::vector<bool> never = choices(0, 9, 20'000);
  const std::vector<bool> always = choices(10'000, 9, 20'000);
  EXPECT_EQ(std::count(never.begin(), never.end(), true), 0);
  EXPECT_EQ(std::count(always.begin(), always.end(), true), 20'000);
}

// A client whose requests come round with period p (GET, POST, GET, POST…) must meet the candidate with each
// of them.
TEST(WeightChoiceTest, NoKindOfRequestOfAPeriodicClientIsPreferred) {
  constexpr std::size_t kCount = 200'000;
  for (const int weight : {500, 2500, 3333, 4000, 5000, 6000, 7500, 9500}) {
    const std::vector<bool> made = choices(weight, 77, kCount);
    for (std::size_t period = 2; period <= 4; ++period) {
      for (std::size_t kind = 0; kind < period; ++kind) {
        double hits = 0;
        for (std::size_t i = kind; i < kCount; i += period) hits += made[i] ? 1 : 0;
        const double share = hits / (static_cast<double>(kCount) / static_cast<double>(period));
        EXPECT_NEAR(share, weight / 10'000.0, 0.015) << weight << " period " << period << " kind " << kind;
      }
    }
  }
}

TEST(WeightChoiceTest, ShardsWithOtherSeedsDoNotChooseInStep) {
  const std::vector<bool> one = choices(5000, 1, 10'000);
  const std::vector<bool> two = choices(5000, 2, 10'000);
  std::size_t same = 0;
  for (std::size_t i = 0; i < one.size(); ++i) same += one[i] == two[i] ? 1U : 0U;
  EXPECT_NEAR(static_cast<double>(same) / 10'000, 0.5, 0.05);
}

TEST(WeightChoiceTest, SettingTheSameWeightAgainDoesNotDisturbTheSequence) {
  WeightChoice disturbed;
  disturbed.set(500, 3);
  const std::vector<bool> expected = choices(500, 3, 1000);
  for (const bool choice : expected) {
    disturbed.set(500, 3);
    EXPECT_EQ(disturbed.next_is_candidate(), choice);
  }
}

TEST(WeightChoiceTest, AShortBurstSeesTheShareOnAverage) {
  int hits = 0;
  for (std::uint64_t seed = 0; seed < 4'000; ++seed) {
    const std::vector<bool> burst = choices(1000, seed * 7919, 10);
    hits += static_cast<int>(std::count(burst.begin(), burst.end(), true));
  }
  EXPECT_NEAR(hits / 40'000.0, 0.1, 0.01);
}

}  // namespace
}  // namespace sidestep::sidecar
