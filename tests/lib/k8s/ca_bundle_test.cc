// A file of authorities beside the system's bundle, exchanged while it is in use.
#include "lib/k8s/ca_bundle.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

namespace sidestep::k8s {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr const char* kPem = "-----BEGIN CERTIFICATE-----\n";

class CaBundleTest : public ::testing::Test {
 protected:
  CaBundleTest() { std::filesystem::create_directory(folder_); }
  ~CaBundleTest() override { std::filesystem::remove_all(folder_); }
  std::string put(const std::string& name, const std::string& text) {
    std::ofstream(folder_ / name) << text;
    return folder_ / name;
  }
  static std::string pem(const std::string& what) { return kPem + what; }

  const std::filesystem::path folder_ = ::testing::TempDir() + "ca_bundle_test";
};

TEST_F(CaBundleTest, HoldsTheSystemsAuthoritiesAndTheFiles) {
  CaBundle bundle(put("own", pem("own")), put("system", pem("system")));
  EXPECT_THAT(*bundle.text(), HasSubstr("own"));
  EXPECT_THAT(*bundle.text(), HasSubstr("system"));
}

TEST_F(CaBundleTest, IsEnoughWithoutASystemsBundleOrWithAnEmptyOne) {
  EXPECT_THAT(*CaBundle(put("own", pem("own")), "").text(), HasSubstr("own"));
  EXPECT_THAT(*CaBundle(put("own", pem("own")), put("system", "")).text(), HasSubstr("own"));
}

TEST_F(CaBundleTest, AChangeIsSeenAndWhatCannotBeReadLeavesTheLastGoodOne) {
  CaBundle bundle(put("own", pem("first")), "");
  const auto first = bundle.text();
  EXPECT_EQ(bundle.text(), first) << "the same text is made once";
  put("own", pem("second"));
  EXPECT_THAT(*bundle.text(), HasSubstr("second"));
  EXPECT_THAT(*bundle.text(), Not(HasSubstr("first")));
  put("own", "half a fi");
  EXPECT_THAT(*bundle.text(), HasSubstr("second"));
  std::filesystem::remove(folder_ / "own");
  EXPECT_THAT(*bundle.text(), HasSubstr("second"));
}

TEST_F(CaBundleTest, FileThatCannotBeOneIsNamedWithItsFault) {
  const auto fault = [](const std::string& path) { return read_ca_file(path).error().detail; };
  EXPECT_THAT(fault(folder_ / "none"), HasSubstr("none cannot be read"));
  EXPECT_THAT(fault(put("key", "-----BEGIN PRIVATE KEY-----")), HasSubstr("key holds no certificate"));
  EXPECT_THAT(fault(put("big", std::string(kMostCaBytes + 1, 'x'))), HasSubstr("longer than 1048576 bytes"));
}

}  // namespace
}  // namespace sidestep::k8s
