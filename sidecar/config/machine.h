// What loading the options must know about the machine: who we are, which files there are, how much CPU we
// may use. Plain values and functions, so that tests make up a machine; real_machine() is the only part that
// looks.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "lib/base/result.h"

namespace sidestep::sidecar {

struct Machine {
  unsigned uid = 0;
  bool has_ipv6 = true;
  std::optional<double> cpu_limit;  // CPUs that the control group allows; none: no limit
  // Whole content, or the reason; refuses more than `most` bytes.
  std::function<Result<std::string>(const std::string& path, std::size_t most)> read_file;
  // Whether `command` can be started: a path with x permission, or a name found in `search_path` (the value
  // of $PATH).
  std::function<bool(const std::string& command, const std::string& search_path)> is_command;
};

Machine real_machine();

// The tightest CPU limit of the control groups that this process is in (cgroup v2 cpu.max, or v1
// cpu.cfs_quota_us), looked up under `root` ("" for the real machine).
std::optional<double> cgroup_cpu_limit(const std::string& root);

}  // namespace sidestep::sidecar
