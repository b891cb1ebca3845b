#include "operator/core/conditions.h"

#include <algorithm>
#include <array>
#include <cctype>

namespace sidestep::op {
namespace {

using api::ConditionStatus;

struct ReasonName {
  Reason reason;
  std::string_view name;
};
constexpr std::array<ReasonName, kReasons> kReasonNames{
    {{Reason::kIdle, "Idle"},
     {Reason::kReloading, "Reloading"},
     {Reason::kSuspended, "Suspended"},
     {Reason::kInvalidSpec, "InvalidSpec"},
     {Reason::kTargetNotFound, "TargetNotFound"},
     {Reason::kNoPods, "NoPods"},
     {Reason::kNoSidecar, "NoSidecar"},
     {Reason::kNoneReachable, "NoneReachable"},
     {Reason::kSomeUnreachable, "SomeUnreachable"},
     {Reason::kAllReachable, "AllReachable"},
     {Reason::kNotAsked, "NotAsked"},
     {Reason::kIncompatible, "Incompatible"},
     {Reason::kConflicted, "Conflicted"},
     {Reason::kAlone, "Alone"},
     {Reason::kProbeThroughProxy, "ProbeThroughProxy"},
     {Reason::kProbesFine, "ProbesFine"},
     {Reason::kReloadFailed, "ReloadFailed"},
     {Reason::kWorkloadRollingOut, "WorkloadRollingOut"},
     {Reason::kWaiting, "Waiting"},
     {Reason::kPaused, "Paused"},
     {Reason::kStarting, "Starting"},
     {Reason::kStepPause, "StepPause"},
     {Reason::kTooFewRequests, "TooFewRequests"},
     {Reason::kPromoting, "Promoting"},
     {Reason::kRollingBack, "RollingBack"},
     {Reason::kPromoted, "Promoted"},
     {Reason::kAbortedByUser, "AbortedByUser"},
     {Reason::kSuperseded, "Superseded"},
     {Reason::kPolicyNotFound, "PolicyNotFound"},
     {Reason::kPolicyDeleted, "PolicyDeleted"},
     {Reason::kReloadDeleted, "ReloadDeleted"},
     {Reason::kTemplateChanged, "TemplateChanged"},
     {Reason::kProgressDeadlineExceeded, "ProgressDeadlineExceeded"},
     {Reason::kNoTraffic, "NoTraffic"},
     {Reason::kSourceForbidden, "SourceForbidden"},
     {Reason::kSourceUnreadable, "SourceUnreadable"},
     {Reason::kAllRead, "AllRead"},
     {Reason::kWriteForbidden, "WriteForbidden"},
     {Reason::kWriteRejected, "WriteRejected"},
     {Reason::kSplit, "Split"},
     {Reason::kBudget, "Budget"},
     {Reason::kDependency, "Dependency"},
     {Reason::kMinimumInterval, "MinimumInterval"},
     {Reason::kWindowClosed, "WindowClosed"},
     {Reason::kFreeze, "Freeze"},
     {Reason::kWindowOpen, "WindowOpen"},
     {Reason::kApprovalsMissing, "ApprovalsMissing"},
     {Reason::kApproved, "Approved"},
     {Reason::kApprovalDeadlineExceeded, "ApprovalDeadlineExceeded"},
     {Reason::kSourcesChanged, "SourcesChanged"},
     {Reason::kAllPinned, "AllPinned"},
     {Reason::kNotPinned, "NotPinned"},
     {Reason::kAllPinnable, "AllPinnable"},
     {Reason::kSourceNotPinnable, "SourceNotPinnable"},
     {Reason::kNoSuchContent, "NoSuchContent"},
     {Reason::kAddressNotAllowed, "AddressNotAllowed"},
     {Reason::kAllAllowed, "AllAllowed"},
     {Reason::kMeasuring, "Measuring"},
     {Reason::kMetricFailed, "MetricFailed"},
     {Reason::kMetricNoData, "MetricNoData"},
     {Reason::kWebhook, "Webhook"},
     {Reason::kWebhookFailed, "WebhookFailed"},
     {Reason::kDisruptionBudget, "DisruptionBudget"},
     {Reason::kStillMounted, "StillMounted"},
     {Reason::kRemoving, "Removing"}}};

bool is_reason(std::string_view text) {
  const auto is_letter_or_digit = [](unsigned char c) { return std::isalnum(c) != 0; };
  return !text.empty() && text.size() <= 64 && std::isupper(static_cast<unsigned char>(text[0])) != 0 &&
         std::all_of(text.begin(), text.end(), is_letter_or_digit);
}

ConditionStatus status_of(bool is_true) { return is_true ? ConditionStatus::kTrue : ConditionStatus::kFalse; }

}  // namespace

std::string_view to_string(Reason reason) {
  for (const ReasonName& each : kReasonNames) {
    if (each.reason == reason) return each.name;
  }
  return "Other";
}

void set_condition(std::vector<api::Condition>& conditions, const char* type, ConditionStatus status,
                   std::string_view reason, const std::string& message, std::int64_t generation,
                   WallTime now) {
  api::Condition next{type,
                      status,
                      std::string(is_reason(reason) ? reason : "Other"),
                      api::clip(message, api::kMostMessageBytes),
                      now,
                      generation};
  const auto found =
      std::find_if(conditions.begin(), conditions.end(), [&](const auto& c) { return c.type == type; });
  if (found == conditions.end()) {
    conditions.push_back(std::move(next));
    return;
  }
  if (found->status == next.status) next.last_transition_time = found->last_transition_time;
  *found = std::move(next);
}

void set_reload_conditions(api::ReloadStatus& status, std::int64_t generation, Reason why,
                           const std::string& message, WallTime now) {
  const auto set = [&](const char* type, ConditionStatus value, std::string_view reason,
                       const std::string& text) {
    set_condition(status.conditions, type, value, reason, text, generation, now);
  };
  status.observed_generation = generation;
  if (is_final(status.phase)) {
    const bool succeeded = status.phase == api::ReloadPhase::kSucceeded;
    set(condition::kSucceeded, status_of(succeeded), status.end_reason, status.end_message);
    set(condition::kProgressing, ConditionStatus::kFalse, status.end_reason, "the reload has ended");
    return;
  }
  const bool moves =
      status.phase == api::ReloadPhase::kProgressing || status.phase == api::ReloadPhase::kRollingBack;
  set(condition::kSucceeded, ConditionStatus::kUnknown, to_string(why), message);
  set(condition::kProgressing, status_of(moves), to_string(why), message);
}

}  // namespace sidestep::op
