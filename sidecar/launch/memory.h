// How much memory the app's container has left (cgroup v1 or v2), how much some processes hold, and how often
// the kernel has killed one of the container's for lack of it.
//
// Reads only; the proxy decides (core/memory_check.h, core/memory_pressure.h). Blocking reads of small kernel
// files: by the launcher once per reload, by the proxy's control thread a few times a second.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace sidestep::launch {

struct MemoryRoom {
  std::optional<std::uint64_t> limit;  // the tightest from our cgroup up to the root; none: there is none
  std::uint64_t used = 0;              // without what can be reclaimed at once (inactive file cache)
};

// `root` stands before /proc/self/cgroup and /sys/fs/cgroup ("" in production, a made-up tree in tests).
MemoryRoom read_memory_room(const std::string& root);

// Resident bytes; what two processes share counts twice. 0 for those that are gone.
std::uint64_t resident_bytes(const std::vector<pid_t>& processes);

// How often the kernel has killed a process of our cgroup (v2) for lack of memory; 0 when that cannot be
// read.
unsigned long long oom_kills();

}  // namespace sidestep::launch
