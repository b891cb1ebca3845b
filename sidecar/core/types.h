// Words that every part of the sidecar uses (ARCHITECTURE.md, "Words").
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "lib/base/clock.h"

namespace sidestep::sidecar {

// One started instance of the app. Numbers only grow; 0 is none.
enum class Generation : std::uint32_t { kNone = 0 };
constexpr std::uint32_t number(Generation generation) { return static_cast<std::uint32_t>(generation); }

enum class Phase : std::uint8_t {
  kServing,      // active serves; nothing else is going on but warm or draining retirees
  kStarting,     // the candidate runs and is not ready yet
  kJudging,      // the candidate is ready and takes its weight
  kDraining,     // the candidate became active; the previous one finishes what it has
  kRollingBack,  // the candidate was taken back and finishes what it has
  kHolding,      // no generation can take requests; they wait, bounded
  kStopping,     // the end: what runs is drained and stopped
};
std::string_view to_string(Phase phase);

enum class Role : std::uint8_t { kActive, kCandidate, kRetiring };
std::string_view to_string(Role role);

// Where a generation listens. Exactly one of the two is set.
struct AppAddress {
  std::uint16_t port = 0;   // on 127.0.0.1
  std::string socket_path;  // Unix stream socket
  bool operator==(const AppAddress&) const = default;
};
std::string to_string(const AppAddress& address);  // "127.0.0.1:41234" or "unix:/run/…"

}  // namespace sidestep::sidecar
