// Text that goes into a status.
#include <gtest/gtest.h>

#include "operator/api/object.h"

namespace sidestep::api {
namespace {

TEST(TextTest, ShortTextStaysAsItIs) { EXPECT_EQ(clip("größer → 🙂", 100), "größer → 🙂"); }

TEST(TextTest, CutNeverSplitsACharacter) {
  EXPECT_EQ(clip("aé", 2), "a");
  EXPECT_EQ(clip("aé", 3), "aé");
  EXPECT_EQ(clip("🙂", 3), "");
  EXPECT_EQ(clip("abc", 0), "");
}

TEST(TextTest, BytesThatAreNoTextBecomeQuestionMarks) {
  EXPECT_EQ(clip("a\xff"
                 "b",
                 10),
            "a?b");
  EXPECT_EQ(clip("\xc3", 10), "?");                 // ends too early
  EXPECT_EQ(clip("\xc0\xaf", 10), "??");            // overlong
  EXPECT_EQ(clip("\xe0\x80\xaf", 10), "???");       // overlong
  EXPECT_EQ(clip("\xed\xa0\x80", 10), "???");       // surrogate
  EXPECT_EQ(clip("\xf4\x90\x80\x80", 10), "????");  // beyond U+10FFFF
}

}  // namespace
}  // namespace sidestep::api
