#include "lib/base/log.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <string>

namespace sidestep {
namespace {

// By thread of this process: its effective capabilities, as the kernel writes them.
std::map<std::string, std::string> thread_capabilities() {
  std::map<std::string, std::string> found;
  for (const auto& task : std::filesystem::directory_iterator("/proc/self/task")) {
    std::ifstream status(task.path() / "status");
    for (std::string line; std::getline(status, line);)
      if (line.starts_with("CapEff:")) found[task.path().filename()] = line.substr(8);
  }
  return found;
}

TEST(LogTest, ItsThreadHasGivenUpItsCapabilitiesOnceTheLogIsStarted) {
  for (int i = 0; i < 20; ++i) {
    const auto before = thread_capabilities();
    log::start(log::Level::kError, log::Format::kText);
    auto after = thread_capabilities();
    log::stop();
    std::erase_if(after, [&](const auto& thread) { return before.contains(thread.first); });
    ASSERT_EQ(after.size(), 1u);
    EXPECT_EQ(after.begin()->second, "0000000000000000");
  }
}

}  // namespace
}  // namespace sidestep
