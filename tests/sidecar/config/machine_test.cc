// A made-up control-group tree in a folder of its own.
#include "sidecar/config/machine.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace sidestep::sidecar {
namespace {

class CpuLimitTest : public ::testing::Test {
 protected:
  CpuLimitTest() {
    char name[] = "/tmp/sidestep-test-XXXXXX";
    root_ = mkdtemp(name);
  }
  ~CpuLimitTest() override { std::filesystem::remove_all(root_); }
  void put(const std::string& path, const std::string& text) {
    std::filesystem::create_directories(std::filesystem::path(root_ + path).parent_path());
    std::ofstream(root_ + path) << text;
  }
  std::string root_;
};

TEST_F(CpuLimitTest, TheTightestGroupOnTheWayUpCounts) {
  put("/proc/self/cgroup", "0::/pods/shop/sidestep\n");
  put("/sys/fs/cgroup/pods/shop/sidestep/cpu.max", "max 100000\n");
  put("/sys/fs/cgroup/pods/shop/cpu.max", "150000 100000\n");
  put("/sys/fs/cgroup/pods/cpu.max", "400000 100000\n");
  EXPECT_EQ(cgroup_cpu_limit(root_), 1.5);
}

TEST_F(CpuLimitTest, InsideAContainerTheTopOfTheMountIsOurGroup) {
  put("/proc/self/cgroup", "0::/\n");
  put("/sys/fs/cgroup/cpu.max", "200000 100000\n");
  EXPECT_EQ(cgroup_cpu_limit(root_), 2.0);
}

TEST_F(CpuLimitTest, TheFirstVersionKeepsQuotaAndPeriodApart) {
  put("/proc/self/cgroup", "5:memory:/a\n4:cpu,cpuacct:/a\n0::/\n");
  put("/sys/fs/cgroup/cpu,cpuacct/a/cpu.cfs_quota_us", "50000\n");
  put("/sys/fs/cgroup/cpu,cpuacct/a/cpu.cfs_period_us", "100000\n");
  EXPECT_EQ(cgroup_cpu_limit(root_), 0.5);
}

TEST_F(CpuLimitTest, NoLimitIsNone) {
  EXPECT_EQ(cgroup_cpu_limit(root_), std::nullopt);
  put("/proc/self/cgroup", "4:cpu:/\n0::/x\n");
  put("/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "-1\n");
  put("/sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n");
  put("/sys/fs/cgroup/x/cpu.max", "max 100000\n");
  EXPECT_EQ(cgroup_cpu_limit(root_), std::nullopt);
}

TEST(RealMachine, FindsCommandsInThePathAndReadsBoundedFiles) {
  const Machine machine = real_machine();
  EXPECT_TRUE(machine.is_command("sh", "/nowhere:/bin"));
  EXPECT_FALSE(machine.is_command("sh", "/nowhere"));
  EXPECT_TRUE(machine.is_command("/bin/sh", ""));
  EXPECT_FALSE(machine.is_command("/bin", ""));
  EXPECT_FALSE(machine.is_command("/etc/passwd", ""));
  EXPECT_TRUE(machine.read_file("/etc/passwd", 1 << 20));
  EXPECT_FALSE(machine.read_file("/etc/passwd", 3));
  EXPECT_FALSE(machine.read_file("/nowhere", 3));
}

}  // namespace
}  // namespace sidestep::sidecar
