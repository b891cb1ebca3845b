// Changes of named ConfigMaps and Secrets, and schedules: which of them ask for a Reload now. Pure.
//
// The hash of what the sources hold now (desired) is compared with what the pods were reloaded with
// (applied), both in the policy's status, so that a change made while no operator ran is found, and a restart
// or a new leader starts nothing by itself. At first sight the content is adopted. A hash that was tried and
// failed is not tried again by itself (attempted). Hashes in objects are HMACs with a key of this
// installation: the plain hash of a short Secret could be guessed.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "operator/core/observed.h"
#include "operator/core/plan.h"
#include "operator/core/queue.h"

namespace sidestep::op {

// "v1:hmac-sha256:…" of a content hash.
std::string keyed_hash(std::string_view install_key, std::string_view content_hash);

// The hash up to which everything was dealt with: equal to the observed one when nothing is to be done about
// it. For the quiet period. REQUIRES: observed.policy.
std::string settled_hash(const Observed& observed);

struct TriggerDecision {
  std::vector<CreateReload> create;
  api::ReloadPolicyStatus status;  // the observed one, with the hashes and the schedule's time from now on
  std::optional<Millis> look_again;
  std::vector<std::string> why;
};

// REQUIRES: observed.policy.
TriggerDecision decide_triggers(const Observed& observed, const Queue& queue, WallTime now);

// Whether a pod's mounted files are what the sources hold.
enum class Mounted : std::uint8_t {
  kUnknown,  // it does not say, or there is nothing to compare with
  kCurrent,
  kBehind,
};
struct MountedLook {
  Mounted mounted = Mounted::kUnknown;
  std::string behind;  // the source that it does not see yet
};
MountedLook mounted_look(const Observed& observed, const ObservedPod& pod);

// The rule to add so that the operator may read the source: for a Role in the policy's namespace.
std::string source_rule(policy::SourceKind kind, const std::vector<std::string>& names);

}  // namespace sidestep::op
