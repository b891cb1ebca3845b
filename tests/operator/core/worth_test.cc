#include "operator/core/worth.h"

#include <gtest/gtest.h>

#include "tests/support/builders.h"

namespace sidestep::op {
namespace {
using build::at;

class WorthTest : public ::testing::Test {
 protected:
  WorthTest() {
    reload_.progress_time = at(0);
    reload_.conditions = {{"Progressing", api::ConditionStatus::kTrue, "Starting", "1 of 10", at(0), 1}};
    policy_.conditions = {{"Ready", api::ConditionStatus::kTrue, "Idle", "waits", at(0), 1}};
  }
  bool reload(const api::ReloadStatus& next, int when) {
    return is_worth_writing(reload_, next, kDetailsLater, at(when));
  }
  bool policy(const api::ReloadPolicyStatus& next, std::optional<WallTime> moved, bool soon, int when) {
    return is_worth_writing(policy_, next, moved, soon, kDetailsLater, at(when));
  }
  api::ReloadStatus reload_;
  api::ReloadPolicyStatus policy_;
};

TEST_F(WorthTest, CountsAndSentencesOfAReloadWaitForTenSeconds) {
  api::ReloadStatus next = reload_;
  EXPECT_FALSE(reload(next, 60));
  next.pods.updated = 3;
  next.progress_time = at(1);
  next.conditions[0].message = "3 of 10";
  EXPECT_FALSE(reload(next, 9));
  EXPECT_TRUE(reload(next, 10));
}

TEST(Worth, DetailsComeLaterAmongManyPolicies) {
  EXPECT_EQ(details_later(Millis{60'000}), kDetailsLater);
  EXPECT_EQ(details_later(Millis{600'000}), Millis{30'000});
}

TEST_F(WorthTest, WhatAReloadDecidesIsWrittenAtOnce) {
  api::ReloadStatus reason = reload_, step = reload_, first = reload_;
  reason.conditions[0].reason = "StepPause";
  step.steps.push_back({});
  EXPECT_TRUE(reload(reason, 0));
  EXPECT_TRUE(reload(step, 0));
  reload_.progress_time.reset();
  EXPECT_TRUE(reload(first, 0));
}

TEST_F(WorthTest, PolicyLeavesDetailsToItsReloadWhileThatMoves) {
  api::ReloadPolicyStatus next = policy_;
  next.pods.updated = 3;
  next.conditions[0].message = "shop-1 is under way";
  EXPECT_FALSE(policy(next, at(0), false, 9));
  EXPECT_TRUE(policy(next, at(0), false, 10));
  EXPECT_TRUE(policy(next, std::nullopt, false, 0));
  next.last_reload = "shop-1";
  EXPECT_TRUE(policy(next, at(0), false, 0));
}

TEST_F(WorthTest, WishThatIsAboutToBeMadeIsWrittenWithItsStart) {
  api::ReloadPolicyStatus next = policy_;
  next.desired_hash = "v1:new";
  EXPECT_FALSE(policy(next, std::nullopt, true, 0));
  EXPECT_TRUE(policy(next, std::nullopt, false, 0));
  next.applied_hash = "v1:new";
  EXPECT_TRUE(policy(next, std::nullopt, true, 0));
}

}  // namespace
}  // namespace sidestep::op
