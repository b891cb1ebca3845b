#include "sidecar/local/next_words.h"

#include <gtest/gtest.h>

namespace sidestep::sidecar {
namespace {

using Words = std::vector<std::string>;

const Words kNow = {"sidestep",    "worker",       "run", "--policy", "p.json",   "--listen", ":1",
                    "--listen=:2", "--access-log", "--",  "app",      "--listen", ":9"};

std::string options(const Words& words) {
  std::string text;
  for (const std::string& word : words) text += word + kWordEnd;
  return text;
}

TEST(NextWordsTest, WithoutOptionsNothingChanges) { EXPECT_EQ(*next_words(kNow, ""), kNow); }

TEST(NextWordsTest, AnOptionTakesThePlaceOfEveryOneOfItsName) {
  const Words next = {"sidestep",   "worker", "run", "--policy", "p.json", "--access-log", "--listen", ":3",
                      "--shards=2", "--",     "app", "--listen", ":9"};
  EXPECT_EQ(*next_words(kNow, options({"--listen", ":3", "--shards=2"})), next);
}

TEST(NextWordsTest, WhatIsNoOptionIsNamed) {
  for (const Words& bad : {Words{"--lisen", ":3"}, Words{"--"}, Words{"app"}, Words{"--listen"}}) {
    const auto next = next_words(kNow, options(bad));
    ASSERT_FALSE(next) << bad[0];
    EXPECT_NE(next.error().detail.find(bad[0]), std::string::npos);
  }
}

TEST(NextWordsTest, WhatTheParentReadsIsRefusedWithTheWayToSetIt) {
  for (const char* flag :
       {"--upgrade-binary", "--upgrade-timeout", "--upgrade-drain-timeout", "--upgrade-max-old"}) {
    for (const Words& words : {Words{flag, "9"}, Words{std::string(flag) + "=9"}}) {
      const auto next = next_words(kNow, options(words));
      ASSERT_FALSE(next) << flag;
      EXPECT_NE(next.error().detail.find(std::string(flag) + " cannot be exchanged"), std::string::npos);
      EXPECT_NE(next.error().detail.find("start the proxy anew"), std::string::npos);
    }
  }
  EXPECT_TRUE(next_words(kNow, options({"--upgrade-idle-timeout", "2s"})));  // the worker's own
}

}  // namespace
}  // namespace sidestep::sidecar
