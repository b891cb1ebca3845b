// Conditions of ReloadPolicy and Reload: their types, the reasons that this operator gives, and how a list of
// them is brought up to date (a transition time changes with the status alone). Pure.
//
// Abnormal-true: Reconciling, Stalled, Conflicted, ProbeThroughProxy, SourceNotPinnable, CopiesLeft; kstatus
// reads the first two.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "operator/core/observed.h"

namespace sidestep::op {

namespace condition {
// Of a ReloadPolicy.
inline constexpr const char* kReady = "Ready";
inline constexpr const char* kReconciling = "Reconciling";
inline constexpr const char* kStalled = "Stalled";
inline constexpr const char* kPodsReachable = "PodsReachable";
inline constexpr const char* kProbeThroughProxy = "ProbeThroughProxy";
inline constexpr const char* kConflicted = "Conflicted";
inline constexpr const char* kSourcesReadable = "SourcesReadable";      // only while the policy names some
inline constexpr const char* kSourcesPinned = "SourcesPinned";          // only while it pins some
inline constexpr const char* kSourceNotPinnable = "SourceNotPinnable";  // the same
inline constexpr const char* kCopiesLeft =
    "CopiesLeft";  // only while there are some of sources pinned no longer
inline constexpr const char* kAnalysisAllowed = "AnalysisAllowed";  // only while it names metrics or webhooks
// Of a Reload.
inline constexpr const char* kSucceeded = "Succeeded";
inline constexpr const char* kProgressing = "Progressing";
inline constexpr const char* kWindowOpen = "WindowOpen";  // where spec.guards has windows or freezes
inline constexpr const char* kApproved = "Approved";      // where spec.guards.approvals asks for some
}  // namespace condition

enum class Reason : std::uint8_t {
  kIdle,       // nothing to do
  kReloading,  // a reload is under way
  kSuspended,
  kInvalidSpec,
  kTargetNotFound,
  kNoPods,         // none match, or scaled to zero
  kNoSidecar,      // pods match and none has a sidecar
  kNoneReachable,  // pods with a sidecar, none of which answers
  kSomeUnreachable,
  kAllReachable,
  kNotAsked,      // nothing is known yet
  kIncompatible,  // sidecars of another version
  kConflicted,    // an older policy steers the same pods
  kAlone,         // no other policy does
  kProbeThroughProxy,
  kProbesFine,
  kReloadFailed,  // the last reload was taken back
  kWorkloadRollingOut,
  kWaiting,  // another reload runs
  kPaused,
  kStarting,        // candidates start
  kStepPause,       // a step's pause
  kTooFewRequests,  // onNoTraffic: Hold
  kPromoting,
  kRollingBack,
  kPromoted,  // succeeded
  kAbortedByUser,
  kSuperseded,
  kPolicyNotFound,
  kPolicyDeleted,
  kReloadDeleted,
  kTemplateChanged,
  kProgressDeadlineExceeded,
  kNoTraffic,
  kSourceForbidden,  // a named ConfigMap or Secret may not be read
  kSourceUnreadable,
  kAllRead,
  kWriteForbidden,  // the API server does not let us write
  kWriteRejected,   // it takes no such object
  kSplit,           // some pods were promoted and others went back
  kBudget,          // as many reloads run as may
  kDependency,      // a policy of dependsOn comes first
  kMinimumInterval,
  kWindowClosed,      // no window of the guards is open
  kFreeze,            // a freeze of the guards holds
  kWindowOpen,        // neither
  kApprovalsMissing,  // fewer people than the guards ask for have approved
  kApproved,
  kApprovalDeadlineExceeded,
  kSourcesChanged,  // the sources hold something else than what approval was asked for
  kAllPinned,       // copies of all pinned sources are kept
  kNotPinned,
  kAllPinnable,
  kSourceNotPinnable,  // some pod has it in a way that no copy can stand in for
  kNoSuchContent,      // nothing was kept that could be gone back to
  kAddressNotAllowed,  // analysis names an address that --analysis-allow does not
  kAllAllowed,
  kMeasuring,         // a step waits for a measurement
  kMetricFailed,      // a metric is out of its range
  kMetricNoData,      // a metric has no value
  kWebhook,           // a webhook is being asked
  kWebhookFailed,     // it said no, or nothing
  kDisruptionBudget,  // a PodDisruptionBudget lets no further pod be unavailable
  kStillMounted,      // a pod has the copies of a source that is pinned no longer
  kRemoving,          // nothing keeps them any more
};
inline constexpr std::size_t kReasons = 65;
std::string_view to_string(Reason reason);

// Puts the condition into the list, keeping the transition time when the status is the same. Messages are cut
// at 1024 bytes, reasons that are no CamelCase word of at most 64 letters become "Other".
void set_condition(std::vector<api::Condition>& conditions, const char* type, api::ConditionStatus status,
                   std::string_view reason, const std::string& message, std::int64_t generation,
                   WallTime now);

// Why no reload of this policy can start now; absent when one can. `reason` and a message for a person.
struct Obstacle {
  Reason reason;
  std::string message;
};
std::optional<Obstacle> obstacle_of(const Observed& observed);
// The refused write as a reason and a message with the fix.
Obstacle refusal_text(const WriteRefusal& refusal);
// True when another policy was made before ours (or at the same second and has the smaller UID).
const RivalPolicy* elder_rival(const Observed& observed);

// All conditions of the policy. `running`: the Reload under way, `last`: the one that ended last; either may
// be null. REQUIRES: observed.policy.
std::vector<api::Condition> policy_conditions(const Observed& observed, const api::Reload* running,
                                              const api::Reload* last, WallTime now);

// Conditions of a Reload from its phase. `waits_for`: what stands in the way of progress, for Pending, Paused
// and Progressing.
void set_reload_conditions(api::ReloadStatus& status, std::int64_t generation, Reason why,
                           const std::string& message, WallTime now);

}  // namespace sidestep::op
