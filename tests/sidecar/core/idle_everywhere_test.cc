#include "sidecar/core/idle_everywhere.h"

#include <gtest/gtest.h>

namespace sidestep::sidecar {
namespace {

constexpr Generation kOne{1};

class IdleEverywhereTest : public ::testing::Test {
 protected:
  void SetUp() override { idle_.add_worker(0); }
  IdleEverywhere idle_;
};

TEST_F(IdleEverywhereTest, AloneItsOwnWordCounts) {
  EXPECT_EQ(idle_.note(0, kOne, 7), (IdleEverywhere::Idle{kOne, 7}));
}

TEST_F(IdleEverywhereTest, AnOldWorkerWithOpenStreamsKeepsTheGenerationBusy) {
  idle_.add_worker(3);
  EXPECT_EQ(idle_.note(0, kOne, 7), std::nullopt);
  EXPECT_EQ(idle_.note(3, kOne, 9), (IdleEverywhere::Idle{kOne, 7}));
}

TEST_F(IdleEverywhereTest, TheOldestTableCounts) {
  idle_.add_worker(3);
  idle_.note(3, kOne, 5);
  EXPECT_EQ(idle_.note(0, kOne, 8), (IdleEverywhere::Idle{kOne, 5}));
  EXPECT_EQ(idle_.note(3, kOne, 8), (IdleEverywhere::Idle{kOne, 8}));
}

TEST_F(IdleEverywhereTest, AnOldWorkerThatIsGoneCountsAsIdle) {
  idle_.add_worker(3);
  idle_.note(0, kOne, 7);
  EXPECT_EQ(idle_.remove_worker(3), (std::vector<IdleEverywhere::Idle>{{kOne, 7}}));
  EXPECT_EQ(idle_.note(3, kOne, 8), std::nullopt);  // and says nothing any more
  EXPECT_EQ(idle_.note(0, kOne, 8), (IdleEverywhere::Idle{kOne, 8}));
}

TEST_F(IdleEverywhereTest, OneThatIsGoneDoesNotSpeakForTheOthers) {
  idle_.add_worker(3);
  idle_.note(3, kOne, 7);
  EXPECT_TRUE(idle_.remove_worker(3).empty());  // the own plane has said nothing
}

TEST_F(IdleEverywhereTest, WordsOfStrangersAndOfEarlierDeparturesAreForgotten) {
  idle_.add_worker(3);
  EXPECT_EQ(idle_.note(9, kOne, 7), std::nullopt);
  idle_.note(3, kOne, 7);
  idle_.keep_only({});  // it serves again
  EXPECT_EQ(idle_.note(0, kOne, 9), std::nullopt);
}

}  // namespace
}  // namespace sidestep::sidecar
