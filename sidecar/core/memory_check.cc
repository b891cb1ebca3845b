#include "sidecar/core/memory_check.h"

namespace sidestep::sidecar {

namespace {

std::string mib(std::uint64_t bytes) { return std::to_string((bytes + 524'288) >> 20) + " MiB"; }

}  // namespace

MemoryDecision decide_memory(const MemoryRoom& room, policy::OnMemoryPressure on_pressure, bool force) {
  if (!room.limit || room.active_resident == 0) return {};
  const std::uint64_t left = *room.limit > room.used ? *room.limit - room.used : 0;
  if (room.active_resident <= left) return {};
  std::string why = "a second generation needs about " + mib(room.active_resident) +
                    " (what active uses) and " + mib(left) + " of " + mib(*room.limit) + " are left";
  switch (on_pressure) {
    case policy::OnMemoryPressure::kIgnore:
      return {MemoryVerdict::kOverlap, std::move(why)};
    case policy::OnMemoryPressure::kHold:
      return {MemoryVerdict::kHold, std::move(why)};
    case policy::OnMemoryPressure::kRefuse:
      break;
  }
  return {force ? MemoryVerdict::kOverlap : MemoryVerdict::kRefuse, std::move(why)};
}

}  // namespace sidestep::sidecar
