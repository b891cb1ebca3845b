// When the launcher ends the app by itself: every row of the reasoning, one millisecond before and at the
// deadline.
#include "sidecar/launch/end_policy.h"

#include <gtest/gtest.h>

namespace sidestep::launch {
namespace {

using namespace std::chrono_literals;

class EndPolicyTest : public ::testing::Test {
 protected:
  EndDecision after(Millis since_start) const { return decide_end(settings_, facts_, start_ + since_start); }
  EndDecision::Act act(Millis since_start) const { return after(since_start).act; }

  const TimePoint start_{1h};
  EndSettings settings_{.grace = 30s, .proxy_wait = 5s, .reserve = 2s, .abandon_after = 0s};
  EndFacts facts_{.term_at = std::nullopt, .is_connected = false, .lost_at = start_};
};

TEST_F(EndPolicyTest, WithoutSigtermAndWithoutABoundItWaitsForAProxyForEver) {
  EXPECT_EQ(act(1000h), EndDecision::kNothing);
  EXPECT_FALSE(after(0ms).look_at);
}

TEST_F(EndPolicyTest, AConnectedProxyDecidesAboutSigterm) {
  facts_.term_at = start_;
  facts_.is_connected = true;
  EXPECT_EQ(act(27'999ms), EndDecision::kNothing);
  EXPECT_EQ(after(0ms).look_at, start_ + 28s);
}

TEST_F(EndPolicyTest, AProxyThatForgetsIsOverruledBeforeTheGraceIsOver) {
  facts_.term_at = start_;
  facts_.is_connected = true;
  EXPECT_EQ(act(28s), EndDecision::kStopAll);
  EXPECT_EQ(after(28s).kill_after, 1ms);
}

TEST_F(EndPolicyTest, WithoutAProxyTheAppIsStoppedAfterAWaitWithTheRestOfTheGrace) {
  facts_.term_at = start_;
  EXPECT_EQ(act(4'999ms), EndDecision::kNothing);
  EXPECT_EQ(act(5s), EndDecision::kStopAll);
  EXPECT_EQ(after(5s).kill_after, 23s);
}

TEST_F(EndPolicyTest, AProxyLostAfterSigtermIsWaitedForFromItsLoss) {
  facts_.term_at = start_;
  facts_.lost_at = start_ + 10s;
  EXPECT_EQ(act(14'999ms), EndDecision::kNothing);
  EXPECT_EQ(act(15s), EndDecision::kStopAll);
}

TEST_F(EndPolicyTest, ALossLateInTheGraceDoesNotPassItsEnd) {
  facts_.term_at = start_;
  facts_.lost_at = start_ + 27s;
  EXPECT_EQ(act(28s), EndDecision::kStopAll);
}

TEST_F(EndPolicyTest, NothingRunsAndNobodyIsThereSoSigtermEndsItAtOnce) {
  facts_.term_at = start_;
  facts_.is_empty = true;
  EXPECT_EQ(act(0ms), EndDecision::kExit);
}

TEST_F(EndPolicyTest, AShortGraceIsDivided) {
  settings_.grace = 4s;
  facts_.term_at = start_;
  EXPECT_EQ(act(999ms), EndDecision::kNothing);
  EXPECT_EQ(after(1s).kill_after, 2s);
}

TEST_F(EndPolicyTest, AnAbandonedAppIsStoppedAfterTheBound) {
  settings_.abandon_after = 300s;
  EXPECT_EQ(act(299'999ms), EndDecision::kNothing);
  EXPECT_EQ(act(300s), EndDecision::kStopAll);
  facts_.is_connected = true;
  EXPECT_EQ(act(1000h), EndDecision::kNothing);
}

TEST_F(EndPolicyTest, OnceStoppingItEndsWhenNothingIsLeft) {
  facts_.term_at = start_;
  facts_.is_stopping = true;
  EXPECT_EQ(act(6s), EndDecision::kNothing);
  facts_.is_empty = true;
  EXPECT_EQ(act(6s), EndDecision::kExit);
}

}  // namespace
}  // namespace sidestep::launch
