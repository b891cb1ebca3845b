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
  // `folder` is where the links are, below `run_dir`.
  PinnedSockets(std::string run_dir, std::string folder)
      : run_dir_(std::move(run_dir)), folder_(std::move(folder)) {}

  // Removes the links of an earlier process, whose descriptors are gone. Call before the first pin().
  void clear();
  // The error says that something else than a socket lies there.
  Status pin(std::uint64_t generation);
  // One that another process of ours has pinned before.
  Status adopt(std::uint64_t generation, UniqueFd socket);
  void forget(std::uint64_t generation);
  const std::map<std::uint64_t, UniqueFd>& all() const { return pinned_; }

 private:
  std::string run_dir_;
  std::string folder_;
  std::map<std::uint64_t, UniqueFd> pinned_;
};

}  // namespace sidestep::sidecar
