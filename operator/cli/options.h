// What the user asked kubectl-sidestep for, as plain values.
#pragma once

#include <cstdint>
#include <string>

#include "lib/base/clock.h"
#include "operator/cli/rbac.h"

namespace sidestep::op::cli {

// The verdict, for scripts.
enum class Exit : std::uint8_t {
  kSucceeded = 0,
  kFailed = 1,       // failed and rolled back
  kUsage = 2,        // wrong usage, or a name that does not exist
  kRefused = 3,      // not allowed, or superseded by another reload
  kUnreachable = 4,  // the API cannot be reached, or --timeout passed
};

enum class Verb : std::uint8_t {
  kStatus,
  kReload,
  kPromote,
  kAbort,
  kPause,
  kResume,
  kSkipStep,
  kRetry,
  kApprove,
  kUndo,
  kRbac,
  kHistory,
  kWhy,
  kSupportBundle,
  kUninstallCheck,
  kUninstallPrepare,
};

struct Options {
  Verb verb = Verb::kStatus;
  std::string name = {};        // of a policy, or of a Reload; status: empty means all
  std::string name_space = {};  // empty: the context's
  bool all_namespaces = false;
  bool as_json = false;
  bool watch = false;        // status: again whenever something changed, until `timeout`
  bool is_terminal = false;  // of the output
  bool wait = true;
  bool full = false;             // promote: without waiting for traffic or the fleet's analysis
  bool force = false;            // promote: every candidate at once, ready or not
  bool withdraw = false;         // approve: take the approval back
  OperatorAccount account = {};  // of rbac
  std::string reason = {};
  std::string token = {};   // of reload; empty: a fresh one
  std::string pod = {};     // of reload: that one alone
  Millis timeout{900'000};  // of waiting, and of watching
};

}  // namespace sidestep::op::cli
