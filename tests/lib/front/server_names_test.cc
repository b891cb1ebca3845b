#include "lib/front/server_names.h"

#include <gtest/gtest.h>

namespace sidestep::front {
namespace {

class ServerNamesTest : public ::testing::Test {
 protected:
  ServerNamesTest() {
    names_.add("example.com", 0);
    names_.add("*.Example.com", 1);
    names_.add("api.example.com", 2);
    names_.add("api.example.com", 3);
  }
  ServerNames names_;
};

TEST_F(ServerNamesTest, AnExactNameWinsOverAWildcardAndTheFirstCertificateOverLaterOnes) {
  EXPECT_EQ(names_.find("api.example.com"), 2U);
  EXPECT_EQ(names_.find("example.com"), 0U);
}

TEST_F(ServerNamesTest, AWildcardStandsForExactlyOneLabel) {
  EXPECT_EQ(names_.find("www.example.com"), 1U);
  EXPECT_EQ(names_.find("a.b.example.com"), std::nullopt);
  EXPECT_EQ(names_.find(".example.com"), std::nullopt);
}

TEST_F(ServerNamesTest, CaseAndADotAtTheEndDoNotMatter) {
  EXPECT_EQ(names_.find("API.EXAMPLE.COM."), 2U);
  EXPECT_EQ(names_.find("WWW.example.com."), 1U);
}

TEST_F(ServerNamesTest, WildcardsOfOtherShapesStandForNothing) {
  ServerNames names;
  for (const char* name : {"*", "*.", "a*.example.com", "*.*.com", ""}) names.add(name, 0);
  for (const char* name : {"", "com", "ab.example.com", "a.b.com", "*.com"})
    EXPECT_EQ(names.find(name), std::nullopt) << name;
}

}  // namespace
}  // namespace sidestep::front
