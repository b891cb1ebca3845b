#include "operator/io/slots.h"

#include <gtest/gtest.h>

namespace sidestep::op {
namespace {
using namespace std::chrono_literals;

class SlotsTest : public ::testing::Test {
 protected:
  bool take(const std::string& reload) { return slots_.try_take(reload, now_); }

  std::map<std::string, bool> started_;
  TimePoint now_{};
  Slots slots_{Budget{2, 1}, [this] { return started_; }};
};

TEST_F(SlotsTest, OneANamespaceAndTwoInAllHoweverLateTheCacheIs) {
  EXPECT_TRUE(take("a/1"));
  EXPECT_FALSE(take("a/2")) << "the cache does not know of a/1 yet";
  EXPECT_TRUE(take("b/1"));
  EXPECT_FALSE(take("c/1"));
  EXPECT_TRUE(take("a/1")) << "it was let in before";
}

TEST_F(SlotsTest, PlaceIsFreeWhenTheReloadHasEnded) {
  started_["a/1"] = true;
  EXPECT_FALSE(take("a/2"));
  started_["a/1"] = false;
  EXPECT_TRUE(take("a/2"));
}

TEST_F(SlotsTest, OneThatRanAndEndedBetweenTwoLooksFreesItsPlace) {
  EXPECT_TRUE(take("a/1"));
  started_["a/1"] = false;
  EXPECT_TRUE(take("a/2"));
}

TEST_F(SlotsTest, OneThatWasLetInAndNeverStartedIsForgotten) {
  EXPECT_TRUE(take("a/1"));
  now_ += 31s;
  EXPECT_TRUE(take("a/2"));
}

TEST_F(SlotsTest, PlaceThatIsGivenBackIsFreeAtOnce) {
  EXPECT_TRUE(take("a/1"));
  slots_.give_back("a/1");
  EXPECT_TRUE(take("a/2"));
}

TEST(SlotsWithoutBudgetTest, LetEverybodyIn) {
  Slots slots({}, [] { return std::map<std::string, bool>{}; });
  for (int i = 0; i < 100; ++i) EXPECT_TRUE(slots.try_take("a/" + std::to_string(i), TimePoint{}));
}

}  // namespace
}  // namespace sidestep::op
