// Text that goes into a status or an Event.
#include <gtest/gtest.h>

#include "lib/base/utf8.h"

namespace sidestep {
namespace {

TEST(ClipTest, ShortTextStaysAsItIs) { EXPECT_EQ(clip("größer → 🙂", 100), "größer → 🙂"); }

TEST(ClipTest, CutNeverSplitsACharacter) {
  EXPECT_EQ(clip("aé", 2), "a");
  EXPECT_EQ(clip("aé", 3), "aé");
  EXPECT_EQ(clip("🙂", 3), "");
  EXPECT_EQ(clip("abc", 0), "");
}

TEST(ClipTest, BytesThatAreNoTextBecomeQuestionMarks) {
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

TEST(Utf8Test, WholeCharactersPassAndEverythingElseDoesNot) {
  for (const char* good : {"", "plain", "\xC3\xA4", "\xE2\x82\xAC", "\xF0\x9F\x98\x80", "\xF4\x8F\xBF\xBF"}) {
    EXPECT_TRUE(is_utf8(good)) << good;
  }
  for (const char* bad : {"\xFF", "\x80", "\xC3", "\xC0\xAF", "\xE0\x80\x80", "\xED\xA0\x80",
                          "\xF4\x90\x80\x80", "a\xE2\x82"}) {
    EXPECT_FALSE(is_utf8(bad)) << bad;
  }
}

}  // namespace
}  // namespace sidestep
