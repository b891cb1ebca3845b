// The worker's end of the socket to its parent, which outlives it and holds descriptors for the next worker.
//
// Messages (text, one descriptor at most): parent → worker "fd NAME" for each descriptor that it holds, then
// "start KEY=VALUE…"; worker → parent "keep NAME", "drop NAME", "ready".
//
// A worker without a parent (tests) has a link that keeps nothing. Threads: the control thread.
#pragma once

#include <string>
#include <vector>

#include "lib/loop/fd_channel.h"

namespace sidestep::sidecar {

// What the parent tells a worker before it does anything.
struct WorkerStart {
  std::vector<std::pair<std::string, UniqueFd>> kept;  // by name, as an earlier worker gave them
  int restarts = 0;                                    // workers that crashed before this one
  bool launcher_is_new =
      false;  // `sidestep run`: the launcher was started just now; a token in the journal is void
};

class ParentLink {
 public:
  static constexpr int kChannelFd = 3;  // where a worker finds its end

  ParentLink() = default;  // without a parent
  explicit ParentLink(UniqueFd channel) : channel_(std::move(channel)) {}

  // Waits for the parent's first words; the error says that there are none.
  Result<WorkerStart> receive_start();

  // The parent keeps a duplicate under the name until drop(), also when this worker crashes.
  void keep(const std::string& name, int fd);
  void drop(const std::string& name);
  // This worker serves: the parent takes later crashes for new ones and tries again at once.
  void ready();

 private:
  UniqueFd channel_;
};

}  // namespace sidestep::sidecar
