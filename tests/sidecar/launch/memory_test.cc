// The room that is left, read from made-up cgroup trees of both versions.
#include "sidecar/launch/memory.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace sidestep::launch {
namespace {

class MemoryTest : public ::testing::Test {
 protected:
  void SetUp() override { root_ = ::testing::TempDir() + "memory_test." + std::to_string(::getpid()); }
  void TearDown() override { std::filesystem::remove_all(root_); }
  void put(const std::string& path, const std::string& text) {
    std::filesystem::create_directories(std::filesystem::path(root_ + path).parent_path());
    std::ofstream(root_ + path) << text;
  }
  std::string root_;
};

TEST_F(MemoryTest, Version2TakesTheTightestLimitUpToTheRootWithoutFileCache) {
  put("/proc/self/cgroup", "0::/pod/app\n");
  put("/sys/fs/cgroup/pod/app/memory.max", "max\n");
  put("/sys/fs/cgroup/pod/memory.max", "1000000\n");
  put("/sys/fs/cgroup/pod/memory.current", "700000\n");
  put("/sys/fs/cgroup/pod/memory.stat", "anon 5\nactive_inactive_file 1\ninactive_file 200000\n");
  const MemoryRoom room = read_memory_room(root_);
  EXPECT_EQ(room.limit, 1'000'000U);
  EXPECT_EQ(room.used, 500'000U);
}

TEST_F(MemoryTest, OfTwoLimitsTheOneWithLessRoomCounts) {
  put("/proc/self/cgroup", "0::/pod/app\n");
  put("/sys/fs/cgroup/pod/app/memory.max", "1000\n");
  put("/sys/fs/cgroup/pod/app/memory.current", "100\n");
  put("/sys/fs/cgroup/pod/memory.max", "5000\n");
  put("/sys/fs/cgroup/pod/memory.current", "4500\n");
  EXPECT_EQ(read_memory_room(root_).limit, 5'000U);
}

TEST_F(MemoryTest, AContainersOwnGroupIsMountedAtTheRoot) {
  put("/proc/self/cgroup", "0::/../../kubepods/pod7/app\n");
  put("/sys/fs/cgroup/memory.max", "2000\n");
  put("/sys/fs/cgroup/memory.current", "500\n");
  const MemoryRoom room = read_memory_room(root_);
  EXPECT_EQ(room.limit, 2'000U);
  EXPECT_EQ(room.used, 500U);
}

TEST_F(MemoryTest, Version1ReadsItsOwnFiles) {
  put("/proc/self/cgroup", "5:cpu,cpuacct:/x\n4:memory:/app\n");
  put("/sys/fs/cgroup/memory/app/memory.limit_in_bytes", "800\n");
  put("/sys/fs/cgroup/memory/app/memory.usage_in_bytes", "300\n");
  put("/sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
  const MemoryRoom room = read_memory_room(root_);
  EXPECT_EQ(room.limit, 800U);
  EXPECT_EQ(room.used, 300U);
}

TEST_F(MemoryTest, NoTreeMeansThatNoLimitIsKnown) { EXPECT_FALSE(read_memory_room(root_).limit.has_value()); }

TEST_F(MemoryTest, ResidentBytesAddUpAndThoseThatAreGoneCountNothing) {
  const std::uint64_t own = resident_bytes({getpid()});
  EXPECT_GT(own, 100'000U);
  EXPECT_GE(resident_bytes({getpid(), getpid()}), 2 * own - own / 2);
  EXPECT_EQ(resident_bytes({4'194'304}), 0U);  // above the highest process id
}

}  // namespace
}  // namespace sidestep::launch
