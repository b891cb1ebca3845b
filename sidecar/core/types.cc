#include "sidecar/core/types.h"

namespace sidestep::sidecar {

std::string_view to_string(Phase phase) {
  switch (phase) {
    case Phase::kServing:
      return "Serving";
    case Phase::kStarting:
      return "Starting";
    case Phase::kJudging:
      return "Judging";
    case Phase::kDraining:
      return "Draining";
    case Phase::kRollingBack:
      return "RollingBack";
    case Phase::kHolding:
      return "Holding";
    case Phase::kStopping:
      return "Stopping";
  }
  return "Unknown";
}

std::string_view to_string(Role role) {
  switch (role) {
    case Role::kActive:
      return "active";
    case Role::kCandidate:
      return "candidate";
    case Role::kRetiring:
      return "retiring";
  }
  return "unknown";
}

std::string to_string(const AppAddress& address) {
  if (!address.socket_path.empty()) return "unix:" + address.socket_path;
  return "127.0.0.1:" + std::to_string(address.port);
}

}  // namespace sidestep::sidecar
