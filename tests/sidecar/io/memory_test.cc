// The room that is left, read from made-up cgroup trees of both versions.
#include "sidecar/io/memory.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace sidestep::sidecar {
namespace {

class MemoryTest : public ::testing::Test {
 protected:
  void SetUp() override {
    root_ = ::testing::TempDir() + "memory_test." + std::to_string(::getpid());
    put("/proc/41/stat", stat(41, 41, 1000));
    put("/proc/42/stat", stat(42, 41, 500));
    put("/proc/99/stat", stat(99, 99, 7777));
  }
  void TearDown() override { std::filesystem::remove_all(root_); }
  void put(const std::string& path, const std::string& text) {
    std::filesystem::create_directories(std::filesystem::path(root_ + path).parent_path());
    std::ofstream(root_ + path) << text;
  }
  static std::string stat(int pid, int group, int pages) {
    return std::to_string(pid) + " (a) b) S 1 " + std::to_string(group) + " " + std::to_string(group) +
           " 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 100 1000000 " + std::to_string(pages) + " 0\n";
  }
  std::string root_;
  const std::uint64_t page_ = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
};

TEST_F(MemoryTest, Version2TakesTheTightestLimitUpToTheRootWithoutFileCache) {
  put("/proc/41/cgroup", "0::/pod/app\n");
  put("/sys/fs/cgroup/pod/app/memory.max", "max\n");
  put("/sys/fs/cgroup/pod/memory.max", "1000000\n");
  put("/sys/fs/cgroup/pod/memory.current", "700000\n");
  put("/sys/fs/cgroup/pod/memory.stat", "anon 5\ninactive_file 200000\n");
  const MemoryRoom room = read_memory_room(root_, 41);
  EXPECT_EQ(room.limit, 1'000'000U);
  EXPECT_EQ(room.used, 500'000U);
  EXPECT_EQ(room.active_resident, 1500 * page_);
}

TEST_F(MemoryTest, Version1ReadsItsOwnFiles) {
  put("/proc/41/cgroup", "5:cpu,cpuacct:/x\n4:memory:/app\n");
  put("/sys/fs/cgroup/memory/app/memory.limit_in_bytes", "800\n");
  put("/sys/fs/cgroup/memory/app/memory.usage_in_bytes", "300\n");
  put("/sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
  const MemoryRoom room = read_memory_room(root_, 41);
  EXPECT_EQ(room.limit, 800U);
  EXPECT_EQ(room.used, 300U);
}

TEST_F(MemoryTest, AProcessThatCannotBeSeenLeavesEverythingUnknown) {
  const MemoryRoom room = read_memory_room(root_, 4711);
  EXPECT_FALSE(room.limit.has_value());
  EXPECT_EQ(room.active_resident, 0U);
}

}  // namespace
}  // namespace sidestep::sidecar
