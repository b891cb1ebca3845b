// The launcher's command line and environment. Parsing only.
#pragma once

#include <string>
#include <vector>

#include "sidecar/launch/end_policy.h"
#include "sidecar/launch/snapshot.h"

namespace sidestep::launch {

struct LaunchOptions {
  std::vector<std::string> command;
  std::string run_dir = "/sidestep";  // the shared volume, as this container mounts it
  std::string socket;                 // of the proxy; empty: run/launch.sock below run_dir
  std::string
      config_dir;  // for snapshots; empty: /run/sidestep-config when it can be written, else below run_dir
  std::string system_root;  // before /proc/self/cgroup and /sys/fs/cgroup; for tests
  int lock_fd = -1;         // an open file with a lock on it: held while we live
  EndSettings end;
  SnapshotLimits snapshots;
  std::vector<Pin> pins;
};

struct ParsedOptions {
  LaunchOptions options;
  std::string text;  // of --help or --version, or what is wrong
  enum Outcome { kRun, kPrint, kWrong } outcome = kRun;
};

// `environment` gives the value of a variable, or nullptr.
ParsedOptions parse_options(const std::vector<std::string>& args, const char* (*environment)(const char*));

}  // namespace sidestep::launch
