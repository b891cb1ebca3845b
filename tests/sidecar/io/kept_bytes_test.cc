#include "sidecar/io/kept_bytes.h"

#include <gtest/gtest.h>

namespace sidestep::sidecar {
namespace {

TEST(KeptBytesTest, BelowTheBoundEachStreamHasItsOwnLimit) {
  KeptBytes kept(1000, 300);
  kept.change(0, 999);
  EXPECT_EQ(kept.stream_limit(), 300U);
  EXPECT_EQ(kept.read_size(Wire(), 65'536), 65'536U);
}

TEST(KeptBytesTest, AtTheBoundReadingStopsAsSoonAsAnythingWaitsAndIsDoneInSmallPieces) {
  KeptBytes kept(1000, 300);
  kept.change(0, 600);
  kept.change(0, 400);
  EXPECT_TRUE(kept.is_short());
  EXPECT_EQ(kept.stream_limit(), 0U);
  EXPECT_EQ(kept.read_size(Wire(), 65'536), 2'048U);
  kept.change(400, 100);
  EXPECT_FALSE(kept.is_short());
  EXPECT_EQ(kept.bytes(), 700U);
}

TEST(KeptBytesTest, WhenTheProcessIsShortOfMemoryNothingIsKeptThatNeedNotBe) {
  KeptBytes kept(1000, 300);
  kept.set_short(true);
  EXPECT_EQ(kept.stream_limit(), 0U);
  kept.set_short(false);
  EXPECT_EQ(kept.stream_limit(), 300U);
}

TEST(KeptBytesTest, MemoryIsWorthGivingBackOnceMuchWasKeptAndMostIsGone) {
  KeptBytes kept(64 << 20, 300);
  kept.change(0, 1 << 20);
  kept.change(1 << 20, 0);
  EXPECT_FALSE(kept.has_fallen());  // little
  kept.change(0, 8 << 20);
  EXPECT_FALSE(kept.has_fallen());  // still kept
  kept.change(8 << 20, 1 << 20);
  EXPECT_TRUE(kept.has_fallen());
  EXPECT_FALSE(kept.has_fallen());
}

}  // namespace
}  // namespace sidestep::sidecar
