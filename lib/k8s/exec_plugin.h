// Runs one credential plugin and returns what it writes on standard output.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "lib/base/clock.h"
#include "lib/base/result.h"

namespace sidestep::k8s {

struct PluginCommand {
  std::string command;  // looked up in PATH if it has no slash
  std::vector<std::string> arguments;
  std::map<std::string, std::string> environment;  // added to ours
  Millis timeout{30'000};
  std::size_t max_output = 1u << 20;  // bytes
};

// Blocks. Error: cannot be started, did not end in time (it is killed then), or ended with a status other
// than 0.
Result<std::string> run_plugin(const PluginCommand& plugin);

}  // namespace sidestep::k8s
