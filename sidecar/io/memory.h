// Reads how much memory the app's container has left (cgroup v1 or v2) and how much a process group holds.
//
// Reads only; core/memory_check decides. Blocking reads of small kernel files; the control thread, once per
// reload.
#pragma once

#include <string>

#include "sidecar/core/memory_check.h"

namespace sidestep::sidecar {

// `root` stands before every path ("" in production, a made-up tree in tests). `pid` is the active
// generation's process as this process sees it; when it cannot be seen (containers with their own process
// tables) nothing is known and the room is empty: MemoryRoom{}.
MemoryRoom read_memory_room(const std::string& root, int pid);

}  // namespace sidestep::sidecar
