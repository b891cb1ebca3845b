// Which share of the pods a step covers.
#include "lib/policy/steps.h"

#include <gtest/gtest.h>

namespace sidestep::policy {
namespace {

constexpr PodAmount count(int value) { return {value, false}; }
constexpr PodAmount percent(int value) { return {value, true}; }

TEST(StepsTest, PercentagesAreRoundedUp) {
  EXPECT_EQ(pods_of(percent(25), 3), 1);
  EXPECT_EQ(pods_of(percent(25), 4), 1);
  EXPECT_EQ(pods_of(percent(25), 5), 2);
  EXPECT_EQ(pods_of(percent(34), 3), 2);
  EXPECT_EQ(pods_of(percent(100), 7), 7);
}

TEST(StepsTest, AtLeastOneAndNeverMoreThanThereAre) {
  EXPECT_EQ(pods_of(percent(1), 1), 1);
  EXPECT_EQ(pods_of(percent(1), 5000), 50);
  EXPECT_EQ(pods_of(count(5), 3), 3);
  EXPECT_EQ(pods_of(count(1), 0), 0);
  EXPECT_EQ(pods_of(percent(100), 100'000), 100'000);
}

TEST(StepsTest, StepsAreCumulativeAndNeverShrink) {
  const Rollout rollout{{{count(1)}, {percent(25)}, {count(2)}, {percent(100)}}};
  EXPECT_EQ(pods_of_step(rollout, 0, 20), 1);
  EXPECT_EQ(pods_of_step(rollout, 1, 20), 5);
  EXPECT_EQ(pods_of_step(rollout, 2, 20), 5);
  EXPECT_EQ(pods_of_step(rollout, 3, 20), 20);
}

TEST(StepsTest, StepIsToldByItsWeight) {
  const Rollout rollout{{{count(1), 500}, {count(1), 5000}, {percent(100), 9000}}};
  EXPECT_EQ(step_of_weight(rollout, 0), 0u);
  EXPECT_EQ(step_of_weight(rollout, 500), 0u);
  EXPECT_EQ(step_of_weight(rollout, 501), 1u);
  EXPECT_EQ(step_of_weight(rollout, 10'000), 2u);
}

TEST(StepsTest, PauseCountsFromTheMomentTheWeightWasReached) {
  const RolloutStep step{count(1), 500, Seconds(30)};
  EXPECT_EQ(step_due(step, WallTime{} + Seconds(5)), WallTime{} + Seconds(35));
}

}  // namespace
}  // namespace sidestep::policy
