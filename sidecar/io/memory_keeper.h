// Looks a few times a second at how much memory is used, where there is a limit, and says what is to be given
// up (core/memory_pressure.h).
//
// With --max-memory-bytes the worker's resident memory counts; without, in a container with a limit, all that
// the kernel charges to the container. Reads small kernel files, on the control thread only.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "lib/loop/event_loop.h"
#include "sidecar/config/options.h"
#include "sidecar/core/memory_pressure.h"

namespace sidestep::sidecar {

// None: there is no limit. `root` stands before /proc/self/cgroup and /sys/fs/cgroup ("" in production).
std::optional<MemoryUse> read_memory_use(const Options& options, const std::string& root);

class MemoryKeeper {
 public:
  using Read = std::function<std::optional<MemoryUse>()>;
  using Tell = std::function<void(MemoryPressure)>;

  MemoryKeeper(EventLoop& loop, Read read, Tell tell);
  ~MemoryKeeper() { loop_.cancel(look_); }
  MemoryKeeper(const MemoryKeeper&) = delete;
  MemoryKeeper& operator=(const MemoryKeeper&) = delete;

  // Looks at once, and goes on if there is a limit: one does not appear later.
  void start() { look(); }

 private:
  void look();

  EventLoop& loop_;
  const Read read_;
  const Tell tell_;
  MemoryPressure pressure_ = MemoryPressure::kNone;
  FunctionTimer look_;
};

}  // namespace sidestep::sidecar
