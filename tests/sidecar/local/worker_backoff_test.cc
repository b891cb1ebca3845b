#include "sidecar/local/worker_backoff.h"

#include <gtest/gtest.h>

namespace sidestep::sidecar {
namespace {

using namespace std::chrono_literals;

class WorkerBackoffTest : public ::testing::Test {
 protected:
  WorkerBackoff backoff_{{100ms, 5s, 2.0}, 4};
};

TEST_F(WorkerBackoffTest, TheFirstCrashCostsNoDelay) { EXPECT_EQ(backoff_.after_crash(1ms, false), 0ms); }

TEST_F(WorkerBackoffTest, CrashesInARowCostMoreAndMoreUntilItIsGivenUp) {
  backoff_.after_crash(1ms, false);
  const auto second = backoff_.after_crash(1ms, false), third = backoff_.after_crash(1ms, false);
  ASSERT_TRUE(second && third);
  EXPECT_GT(*second, 0ms);
  EXPECT_EQ(*third, 2 * *second);
  EXPECT_TRUE(backoff_.after_crash(1ms, false));
  EXPECT_FALSE(backoff_.after_crash(1ms, false));
}

TEST_F(WorkerBackoffTest, AWorkerThatServedForLongStartsTheCountAnew) {
  for (int i = 0; i < 4; ++i) backoff_.after_crash(1ms, false);
  EXPECT_EQ(backoff_.after_crash(10s, true), 0ms);
}

TEST_F(WorkerBackoffTest, AWorkerThatHungForLongWithoutServingDoesNot) {
  for (int i = 0; i < 4; ++i) backoff_.after_crash(1ms, false);
  EXPECT_FALSE(backoff_.after_crash(1h, false));
}

}  // namespace
}  // namespace sidestep::sidecar
