// May two generations run at the same time? The kernel kills all processes of a container together when it
// runs out of memory (cgroup v2, unless the kubelet's singleProcessOOMKill is set), so a candidate can take
// active with it.
//
// Decides only, from numbers that the launcher reads (launch/memory.h): it lives in the app's container.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "lib/policy/spec.h"

namespace sidestep::sidecar {

struct MemoryRoom {
  std::optional<std::uint64_t>
      limit;               // of the app's cgroup, the tightest up to the root; none: no limit is known
  std::uint64_t used = 0;  // without what can be reclaimed at once (inactive file cache)
  std::uint64_t active_resident = 0;  // resident bytes of the active generation's processes; 0: not known
};

enum class MemoryVerdict : std::uint8_t { kOverlap, kHold, kRefuse };

struct MemoryDecision {
  MemoryVerdict verdict = MemoryVerdict::kOverlap;
  std::string why;  // one sentence with the numbers; empty when there is room
};

// A candidate is expected to need what active needs. `force` treats Refuse as Ignore.
MemoryDecision decide_memory(const MemoryRoom& room, policy::OnMemoryPressure on_pressure, bool force);

}  // namespace sidestep::sidecar
