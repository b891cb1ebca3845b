// Ways to the sockets of generations that the app cannot bend: each is a link in a folder of ours to a
// descriptor of the very socket that was bound (connect(2) through /proc/self/fd). Connects to nothing.
// Threads: the control thread; any thread of this process may connect.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "lib/loop/socket.h"

namespace sidestep::sidecar {

class PinnedSockets {
 public:
  explicit PinnedSockets(std::string run_dir) : run_dir_(std::move(run_dir)) {}

  // Removes the links of an earlier process, whose descriptors are gone. Call before the first pin().
  void clear();
  // The error says that something else than a socket lies there.
  Status pin(std::uint64_t generation);
  void forget(std::uint64_t generation);

 private:
  std::string run_dir_;
  std::map<std::uint64_t, UniqueFd> pinned_;
};

}  // namespace sidestep::sidecar
