#include "lib/base/log.h"

#include <gtest/gtest.h>

#include <algorithm>
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
    const auto after = thread_capabilities();
    log::stop();
    // A sanitizer may start a thread of its own meanwhile.
    const auto is_ours = [&](const auto& thread) {
      return !before.contains(thread.first) && thread.second == "0000000000000000";
    };
    ASSERT_TRUE(std::any_of(after.begin(), after.end(), is_ours));
  }
}

}  // namespace
}  // namespace sidestep
