#include "sidecar/core/receipt.h"

#include <algorithm>

namespace sidestep::sidecar {

std::string_view to_string(ReloadPhase phase) {
  switch (phase) {
    case ReloadPhase::kStarting:
      return "Starting";
    case ReloadPhase::kJudging:
      return "Judging";
    case ReloadPhase::kDraining:
      return "Draining";
    case ReloadPhase::kSucceeded:
      return "Succeeded";
    case ReloadPhase::kFailed:
      return "Failed";
    case ReloadPhase::kAborted:
      return "Aborted";
    case ReloadPhase::kInterrupted:
      return "Interrupted";
    case ReloadPhase::kSuperseded:
      return "Superseded";
  }
  return "Unknown";
}

std::string_view to_string(ReloadReason reason) {
  switch (reason) {
    case ReloadReason::kNone:
      return "";
    case ReloadReason::kPromoted:
      return "Promoted";
    case ReloadReason::kExitedEarly:
      return "ExitedEarly";
    case ReloadReason::kNotReadyInTime:
      return "NotReadyInTime";
    case ReloadReason::kProbeFailed:
      return "ProbeFailed";
    case ReloadReason::kErrorRate:
      return "ErrorRate";
    case ReloadReason::kLatency:
      return "Latency";
    case ReloadReason::kAbortedByUser:
      return "AbortedByUser";
    case ReloadReason::kOperatorSilent:
      return "OperatorSilent";
    case ReloadReason::kMemoryPressure:
      return "MemoryPressure";
    case ReloadReason::kInterrupted:
      return "Interrupted";
    case ReloadReason::kSuperseded:
      return "Superseded";
    case ReloadReason::kActiveDied:
      return "ActiveDied";
    case ReloadReason::kPodEnding:
      return "PodEnding";
    case ReloadReason::kSpawnFailed:
      return "SpawnFailed";
    case ReloadReason::kWrongPort:
      return "WrongPort";
    case ReloadReason::kForkedAway:
      return "ForkedAway";
    case ReloadReason::kNoTraffic:
      return "NoTraffic";
    case ReloadReason::kLauncherLost:
      return "LauncherLost";
  }
  return "Unknown";
}

namespace {

// Streams that the client saw fail, whoever caused it; bad requests and clients that left are their own
// doing.
std::uint64_t failures(const std::array<std::uint64_t, kOutcomes>& outcomes) {
  std::uint64_t sum = 0;
  for (const Outcome outcome :
       {Outcome::kAppReset, Outcome::kAppTimeout, Outcome::kAmbiguous, Outcome::kHoldOverflow,
        Outcome::kHoldTimeout, Outcome::kRefused, Outcome::kBadResponse, Outcome::kCut}) {
    sum += outcomes[static_cast<std::size_t>(outcome)];
  }
  return sum;
}

std::uint64_t all_failures(const ShardCounters& counters) {
  std::uint64_t sum = failures(counters.without_generation);
  for (const GenerationCounters& generation : counters.generations) {
    sum += failures(generation.by_outcome);
  }
  return sum;
}

std::uint64_t grown(std::uint64_t before, std::uint64_t after) { return after > before ? after - before : 0; }

}  // namespace

Receipt receipt_between(const ShardCounters& before, const ShardCounters& after) {
  Receipt receipt;
  for (const GenerationCounters& now : after.generations) {
    const auto same = [&](const GenerationCounters& g) { return g.generation == now.generation; };
    const auto then = std::find_if(before.generations.begin(), before.generations.end(), same);
    const GenerationCounters none;
    const GenerationCounters& base = then == before.generations.end() ? none : *then;
    const std::uint64_t requests = grown(base.requests, now.requests);
    if (requests > 0) receipt.requests[number(now.generation)] = requests;
    const auto cut = static_cast<std::size_t>(Outcome::kCut);
    receipt.connections_cut += grown(base.by_outcome[cut], now.by_outcome[cut]);
    receipt.connections_cut += grown(base.tunnels_cut, now.tunnels_cut);
    receipt.tunnels_told += grown(base.tunnels_told, now.tunnels_told);
  }
  receipt.held = grown(before.held_total, after.held_total);
  receipt.retried = grown(before.retried, after.retried);
  receipt.failed = grown(all_failures(before), all_failures(after));
  receipt.longest_hold = Millis((after.longest_hold_reload_us + 999) / 1000);
  return receipt;
}

}  // namespace sidestep::sidecar
