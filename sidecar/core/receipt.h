// The record of one reload: how it stands or ended, and what it cost.
//
// Plain values; receipt.cc computes a receipt as the difference of two sets of counters. Decides nothing.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/clock.h"
#include "lib/policy/verdict.h"
#include "sidecar/core/counters.h"
#include "sidecar/core/types.h"

namespace sidestep::sidecar {

enum class ReloadPhase : std::uint8_t {
  kStarting,     // the candidate runs and is not ready
  kJudging,      // the candidate takes its weight
  kDraining,     // promoted; the previous generation finishes what it has
  kSucceeded,    // ended: the candidate is active everywhere and the previous one idle or past its limit
  kFailed,       // ended: taken back; active never stopped serving (but see Hold)
  kAborted,      // ended: taken back because somebody asked, or the pod ended
  kInterrupted,  // ended: the proxy was restarted before promotion
  kSuperseded,   // ended: promoted, then another reload began before its drain was over
};
inline constexpr std::size_t kReloadPhases = 8;
std::string_view to_string(ReloadPhase phase);
constexpr bool has_ended(ReloadPhase phase) { return phase >= ReloadPhase::kSucceeded; }

enum class ReloadReason : std::uint8_t {
  kNone,  // not ended yet
  kPromoted,
  kExitedEarly,
  kNotReadyInTime,
  kProbeFailed,
  kErrorRate,
  kAbortedByUser,
  kOperatorSilent,
  kMemoryPressure,
  kInterrupted,
  kSuperseded,
  kActiveDied,
  kPodEnding,
  kSpawnFailed,
  kWrongPort,
  kForkedAway,
  kNoTraffic,     // onNoTraffic: Hold, and the progress deadline passed
  kLauncherLost,  // the app container went away
  kLatency,       // answers take too long, beside active's
};
inline constexpr std::size_t kReloadReasons = 19;
std::string_view to_string(ReloadReason reason);  // "" for kNone

struct Receipt {
  std::map<std::uint32_t, std::uint64_t> requests;  // by generation, since the reload began
  std::uint64_t held = 0;
  std::uint64_t retried = 0;
  // Reset, timed out, ambiguous, refused, hold overflow and time-out, cut without a word.
  std::uint64_t failed = 0;
  Millis longest_hold{0};
  std::uint64_t connections_cut = 0;  // ended by a drain, told or not
  std::uint64_t tunnels_told = 0;     // of these, with a Close frame
  Millis start{0};                    // asked → ready
  Millis judge{0};                    // ready → promoted
  Millis drain{0};                    // promoted → ended
  Millis total{0};
  Millis overhead{
      0};  // total less the app's own time to readiness, the steps' pauses and the wait for open streams
};

// What happened between two sets of counters; durations are left zero. `after` counters are never smaller.
Receipt receipt_between(const ShardCounters& before, const ShardCounters& after);

struct ExitStatus {
  int status = 0;  // exit code, when signal is 0
  int signal = 0;
  bool operator==(const ExitStatus&) const = default;
};

struct ReloadView {
  std::string id;
  std::string token;
  std::string policy_uid;
  ReloadPhase phase = ReloadPhase::kStarting;
  ReloadReason reason = ReloadReason::kNone;
  std::string message;  // one sentence for a person
  std::string requested_by;
  std::string asked_reason;  // the asker's words
  Generation generation = Generation::kNone;
  int step = 0;   // 1-based; 0 before the first
  int steps = 0;  // 0: managed
  int weight_per_ten_thousand = 0;
  bool managed = false;
  WallTime started_at;
  std::optional<WallTime> ready_at;
  std::optional<WallTime> ended_at;
  std::optional<ExitStatus> exit;   // of the candidate, when it exited by itself
  std::vector<std::string> output;  // its last lines, at most 50
  Receipt receipt;
  policy::Sample judged_active;  // both since the candidate's first request, as last compared
  policy::Sample judged_candidate;
};

}  // namespace sidestep::sidecar
