#include "sidecar/local/install.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace sidestep::sidecar {
namespace {

namespace fs = std::filesystem;

class InstallTest : public ::testing::Test {
 protected:
  InstallTest() {
    std::string name = (fs::temp_directory_path() / "sidestep-XXXXXX").string();
    dir_ = mkdtemp(name.data());
    fs::create_directory(dir_ / "volume");
    write("launcher", "#!/bin/sh\nexit 3\n");
  }
  ~InstallTest() override { fs::remove_all(dir_); }

  void write(const std::string& name, const std::string& text) { std::ofstream(dir_ / name) << text; }
  Status install() { return install_launcher((dir_ / "launcher").string(), (dir_ / "volume").string()); }
  fs::path placed() const { return dir_ / "volume/sidestep-launch"; }
  ino_t inode() const {
    struct stat info {};
    stat(placed().c_str(), &info);
    return info.st_ino;
  }

  fs::path dir_;
};

TEST_F(InstallTest, TheCopyCanBeExecutedByEverybodyAndNothingElseIsLeft) {
  ASSERT_TRUE(install());
  EXPECT_EQ(static_cast<unsigned>(fs::status(placed()).permissions()), 0755U);
  EXPECT_EQ(std::distance(fs::directory_iterator(dir_ / "volume"), {}), 1);
}

TEST_F(InstallTest, TheSameBytesAreNotCopiedAgain) {
  ASSERT_TRUE(install());
  const ino_t before = inode();
  ASSERT_TRUE(install());
  EXPECT_EQ(inode(), before);
}

TEST_F(InstallTest, OtherBytesReplaceItEvenWhileItRuns) {
  ASSERT_TRUE(install());
  const ino_t before = inode();
  write("launcher", "#!/bin/sh\nexit 4\n");
  ASSERT_TRUE(install());
  EXPECT_NE(inode(), before);
}

TEST_F(InstallTest, AMissingVolumeIsNamed) {
  const auto status = install_launcher((dir_ / "launcher").string(), (dir_ / "nowhere").string());
  ASSERT_FALSE(status);
  EXPECT_THAT(status.error().detail, testing::HasSubstr("nowhere"));
}

}  // namespace
}  // namespace sidestep::sidecar
