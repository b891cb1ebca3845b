#include "sidecar/cli/find_socket.h"

#include <gtest/gtest.h>

#include <set>

namespace sidestep::sidecar::cli {
namespace {

class FindSocketTest : public ::testing::Test {
 protected:
  Result<std::string> find() {
    return find_socket(places_, {[this](const std::string& folder) {
                                   return folder == "/run/sidestep-7" ? names_ : std::vector<std::string>{};
                                 },
                                 [this](const std::string& path) { return alive_.count(path) != 0; }});
  }
  SocketPlaces places_{"", "", "", "/run", 7};
  std::vector<std::string> names_;
  std::set<std::string> alive_;
};

TEST_F(FindSocketTest, WhatIsNamedIsTakenUnseen) {
  places_.environment = "/e";
  EXPECT_EQ(find().value_or(""), "/e");
  places_.named = "/x";
  EXPECT_EQ(find().value_or(""), "/x");
}

TEST_F(FindSocketTest, TheOnlyOneThatAnswersIsFound) {
  names_ = {"80.sock", "81.sock"};
  alive_ = {"/run/sidestep-7/81.sock"};
  EXPECT_EQ(find().value_or(""), "/run/sidestep-7/81.sock");
}

TEST_F(FindSocketTest, InASidecarContainerItLiesInTheStateFolder) {
  alive_ = {"/var/lib/sidestep/control.sock"};
  EXPECT_EQ(find().value_or(""), "/var/lib/sidestep/control.sock");
  places_.state_dir = "/s";
  alive_ = {"/s/control.sock"};
  EXPECT_EQ(find().value_or(""), "/s/control.sock");
}

TEST_F(FindSocketTest, SeveralAreListedForTheUserToChoose) {
  names_ = {"80.sock", "81.sock"};
  alive_ = {"/run/sidestep-7/80.sock", "/run/sidestep-7/81.sock"};
  EXPECT_EQ(find().error().kind, ErrorKind::kInvalid);
  EXPECT_EQ(find().error().detail,
            "2 sidesteps are running; say which one is meant:\n  --control /run/sidestep-7/80.sock\n  "
            "--control /run/sidestep-7/81.sock");
}

TEST_F(FindSocketTest, NoneIsUnreachableAndSaysWhereItLooked) {
  EXPECT_EQ(find().error().kind, ErrorKind::kUnavailable);
  EXPECT_NE(find().error().detail.find("/run/sidestep-7"), std::string::npos);
}

}  // namespace
}  // namespace sidestep::sidecar::cli
