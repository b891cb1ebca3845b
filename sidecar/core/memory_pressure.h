// What is given up when the proxy's memory runs short, and in which order: kept connections, new requests,
// new connections. What is under way goes on, since ending it would be the loss that the rest is to prevent.
//
// Decides only; io/memory_keeper.h reads, the shards act.
#pragma once

#include <cstdint>
#include <string_view>

namespace sidestep::sidecar {

struct MemoryUse {
  std::uint64_t used = 0;  // bytes, without what the kernel can reclaim at once
  std::uint64_t limit = 0;
};

enum class MemoryPressure : std::uint8_t {
  kNone,
  kConnections,  // idle clients are closed, answers carry Connection: close; nothing is read ahead
  kRequests,     // and new requests are answered 503
  kAccepts,      // and new connections wait in the kernel
};
std::string_view to_string(MemoryPressure pressure);

// Each begins at a share of the limit (80, 90 and 95 %), and ends five points below it, so that it does not
// flutter. REQUIRES: a limit.
MemoryPressure next_pressure(MemoryPressure now, const MemoryUse& use);

}  // namespace sidestep::sidecar
