#include "sidecar/config/control_path.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace sidestep::sidecar {
namespace {

TEST(ControlPath, NameHoldsUserAndPort) {
  EXPECT_EQ(control_socket(control_folder("", 1000), 8080), "/tmp/sidestep-1000/8080.sock");
  EXPECT_EQ(control_folder("/run/user/7", 7), "/run/user/7/sidestep-7");
}

class PrivateFolderTest : public ::testing::Test {
 protected:
  PrivateFolderTest() {
    char name[] = "/tmp/sidestep-test-XXXXXX";
    root_ = mkdtemp(name);
  }
  ~PrivateFolderTest() override { std::filesystem::remove_all(root_); }
  std::string refusal(const std::string& path, unsigned uid = geteuid()) {
    const Status made = ensure_private_folder(path, uid);
    return made ? "" : made.error().detail;
  }
  std::string root_;
};

TEST_F(PrivateFolderTest, IsMadeOnceAndForUsAlone) {
  EXPECT_EQ(refusal(root_ + "/x"), "");
  EXPECT_EQ(refusal(root_ + "/x"), "");
  struct stat info {};
  ASSERT_EQ(stat((root_ + "/x").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0700U);
}

TEST_F(PrivateFolderTest, OneThatOthersMayEnterIsRefusedWithTheFix) {
  ASSERT_EQ(mkdir((root_ + "/x").c_str(), 0700), 0);
  ASSERT_EQ(chmod((root_ + "/x").c_str(), 0755), 0);
  EXPECT_EQ(refusal(root_ + "/x"), root_ + "/x is open to other users; run: chmod 700 " + root_ + "/x");
}

TEST_F(PrivateFolderTest, OneOfSomebodyElseAFileAndALinkAreRefused) {
  EXPECT_NE(refusal(root_, geteuid() + 1).find("belongs to user"), std::string::npos);
  std::ofstream(root_ + "/file") << "x";
  EXPECT_NE(refusal(root_ + "/file").find("is not a folder"), std::string::npos);
  std::filesystem::create_directory_symlink("/tmp", root_ + "/link");
  EXPECT_NE(refusal(root_ + "/link").find("is not a folder"), std::string::npos);
}

}  // namespace
}  // namespace sidestep::sidecar
