// What may have been executed and is not idempotent is never sent twice.
#include "sidecar/core/retry_policy.h"

#include <gtest/gtest.h>

namespace sidestep::sidecar {
namespace {

using namespace std::chrono_literals;

class RetryPolicyTest : public ::testing::Test {
 protected:
  RetryVerdict judge(const FailedAttempt& attempt) { return judge_retry(attempt, budget_, now_); }

  RetryBudget budget_{20};
  TimePoint now_{1000s};
};

TEST_F(RetryPolicyTest, APostThatMayHaveBeenExecutedIsNeverSentAgain) {
  for (const std::uint64_t bytes : {1U, 80U, 100'000U}) {
    EXPECT_EQ(judge({.failure = AttemptFailure::kClosed, .bytes_handed = bytes}), RetryVerdict::kAmbiguous);
  }
}

TEST_F(RetryPolicyTest, APostOfWhichNoByteWasHandedToTheKernelIsSentAgain) {
  EXPECT_EQ(judge({.failure = AttemptFailure::kClosed, .bytes_handed = 0}), RetryVerdict::kAgain);
  EXPECT_EQ(judge({.failure = AttemptFailure::kConnectFailed}), RetryVerdict::kAgain);
  EXPECT_EQ(judge({.failure = AttemptFailure::kRefusedStream, .bytes_handed = 300}), RetryVerdict::kAgain);
}

TEST_F(RetryPolicyTest, AnIdempotentRequestIsSentAgainAfterACloseWithoutAnAnswer) {
  EXPECT_EQ(judge({.failure = AttemptFailure::kClosed, .idempotent = true, .bytes_handed = 80}),
            RetryVerdict::kAgain);
}

TEST_F(RetryPolicyTest, NothingIsSentAgainOnceTheAnswerHasBegun) {
  EXPECT_EQ(
      judge(
          {.failure = AttemptFailure::kClosed, .idempotent = true, .bytes_handed = 0, .answer_begun = true}),
      RetryVerdict::kFail);
}

TEST_F(RetryPolicyTest, ABodyThatIsGoneCannotBeSentAgain) {
  EXPECT_EQ(
      judge({.failure = AttemptFailure::kClosed, .idempotent = true, .bytes_handed = 9, .replayable = false}),
      RetryVerdict::kFail);
}

TEST_F(RetryPolicyTest, TimeoutsAndBrokenAnswersAreNotRepeated) {
  for (const AttemptFailure failure : {AttemptFailure::kTimeout, AttemptFailure::kBrokenAnswer}) {
    EXPECT_EQ(judge({.failure = failure, .idempotent = true, .bytes_handed = 80}), RetryVerdict::kFail);
  }
}

TEST_F(RetryPolicyTest, AfterThreeFailedConnectsTheRequestWaitsInsteadOfBeatingOnADeadDoor) {
  EXPECT_EQ(judge({.failure = AttemptFailure::kConnectFailed, .attempts = 2}), RetryVerdict::kAgain);
  EXPECT_EQ(judge({.failure = AttemptFailure::kConnectFailed, .attempts = 3}), RetryVerdict::kHold);
}

TEST_F(RetryPolicyTest, TheBudgetIsAShareOfTheLastTenSecondsWithAFloor) {
  for (int i = 0; i < 100; ++i) budget_.count_request(now_);
  int taken = 0;
  while (budget_.try_take(now_)) ++taken;
  EXPECT_EQ(taken, 20);
  EXPECT_EQ(judge({.failure = AttemptFailure::kClosed, .idempotent = true, .bytes_handed = 80}),
            RetryVerdict::kFail);
  now_ += 9s;
  EXPECT_FALSE(budget_.try_take(now_));
  now_ += 1s;
  taken = 0;
  while (budget_.try_take(now_)) ++taken;
  EXPECT_EQ(taken, 10);
}

TEST_F(RetryPolicyTest, ProofThatNothingWasExecutedCostsNoBudget) {
  while (budget_.try_take(now_)) {
  }
  EXPECT_EQ(judge({.failure = AttemptFailure::kConnectFailed}), RetryVerdict::kAgain);
}

}  // namespace
}  // namespace sidestep::sidecar
