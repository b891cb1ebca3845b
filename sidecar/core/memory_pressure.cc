#include "sidecar/core/memory_pressure.h"

#include <array>

namespace sidestep::sidecar {
namespace {

constexpr std::array<std::uint64_t, 4> kBeginsAtPercent{0, 80, 90, 95};
constexpr std::uint64_t kEndsBelow = 5;  // points

}  // namespace

std::string_view to_string(MemoryPressure pressure) {
  switch (pressure) {
    case MemoryPressure::kNone:
      return "nothing";
    case MemoryPressure::kConnections:
      return "kept connections";
    case MemoryPressure::kRequests:
      return "kept connections and new requests";
    case MemoryPressure::kAccepts:
      return "kept connections, new requests and new connections";
  }
  return "";
}

MemoryPressure next_pressure(MemoryPressure now, const MemoryUse& use) {
  const std::uint64_t percent = use.used / (use.limit / 100 + 1);
  auto level = static_cast<std::size_t>(now);
  while (level + 1 < kBeginsAtPercent.size() && percent >= kBeginsAtPercent[level + 1]) ++level;
  while (level > 0 && percent + kEndsBelow < kBeginsAtPercent[level]) --level;
  return static_cast<MemoryPressure>(level);
}

}  // namespace sidestep::sidecar
