// Finds the control socket that a command means: the one that was named, the sidecar container's own, or the
// only one of this user's that answers.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "lib/base/result.h"

namespace sidestep::sidecar::cli {

struct SocketPlaces {
  std::string named;        // --control; empty: not given
  std::string environment;  // $SIDESTEP_CONTROL
  std::string state_dir;    // $SIDESTEP_STATE_DIR
  std::string runtime_dir;  // $XDG_RUNTIME_DIR
  unsigned uid = 0;
};

// Names of the entries of a folder that end in ".sock", and whether somebody listens on a socket file.
struct SocketFolder {
  std::function<std::vector<std::string>(const std::string& folder)> list;
  std::function<bool(const std::string& path)> answers;
};
SocketFolder real_folder();

// kUnavailable when there is none; kInvalid, with their names, when there are several.
Result<std::string> find_socket(const SocketPlaces& places, const SocketFolder& folder);

}  // namespace sidestep::sidecar::cli
