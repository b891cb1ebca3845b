#include "sidecar/launch/placeholders.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sidestep::launch {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST(PlaceholdersTest, EachIsReplacedWhereverItStands) {
  std::vector<std::string> texts{"--s={socket},{socket}", "{config}/app.yaml", "{port}"};
  EXPECT_EQ(fill_in(texts, {"/run/s", "/snap"}), "");
  EXPECT_THAT(texts, ElementsAre("--s=/run/s,/run/s", "/snap/app.yaml", "{port}"));
}

TEST(PlaceholdersTest, AValueThatLooksLikeAPlaceholderIsNotReplacedAgain) {
  std::vector<std::string> texts{"{socket}"};
  EXPECT_EQ(fill_in(texts, {"/{socket}/x", std::nullopt}), "");
  EXPECT_THAT(texts, ElementsAre("/{socket}/x"));
}

TEST(PlaceholdersTest, ThePortIsFilledInWhereThereIsOne) {
  std::vector<std::string> texts{"LISTEN=:{port}"};
  EXPECT_EQ(fill_in(texts, {.port = "4711"}), "");
  EXPECT_THAT(texts, ElementsAre("LISTEN=:4711"));
}

TEST(PlaceholdersTest, OneThatStandsForNothingIsNamed) {
  std::vector<std::string> texts{"a", "{config}"};
  EXPECT_THAT(fill_in(texts, {"/run/s", std::nullopt}), HasSubstr("{config}"));
}

TEST(PlaceholdersTest, TheOrdersEnvironmentLiesOverTheInheritedOne) {
  const char* inherited[] = {"A=1", "B=2", nullptr};
  EXPECT_THAT(merged_environment(inherited, {"B=3", "C=4", "C=5"}, {}), ElementsAre("A=1", "B=3", "C=5"));
}

TEST(PlaceholdersTest, PathsOfAnotherGenerationAreNotInherited) {
  const char* inherited[] = {"SIDESTEP_SOCKET=/old", "SIDESTEP_CONFIG=/old", nullptr};
  EXPECT_THAT(merged_environment(inherited, {}, {std::nullopt, "/new"}), ElementsAre("SIDESTEP_CONFIG=/new"));
}

}  // namespace
}  // namespace sidestep::launch
