#include "operator/core/conditions.h"

#include <algorithm>
#include <cctype>

namespace sidestep::op {
namespace {

using api::ConditionStatus;

bool is_reason(std::string_view text) {
  const auto is_letter_or_digit = [](unsigned char c) { return std::isalnum(c) != 0; };
  return !text.empty() && text.size() <= 64 && std::isupper(static_cast<unsigned char>(text[0])) != 0 &&
         std::all_of(text.begin(), text.end(), is_letter_or_digit);
}

ConditionStatus status_of(bool is_true) { return is_true ? ConditionStatus::kTrue : ConditionStatus::kFalse; }

}  // namespace

std::string_view to_string(Reason reason) {
  switch (reason) {
    case Reason::kIdle:
      return "Idle";
    case Reason::kReloading:
      return "Reloading";
    case Reason::kSuspended:
      return "Suspended";
    case Reason::kInvalidSpec:
      return "InvalidSpec";
    case Reason::kTargetNotFound:
      return "TargetNotFound";
    case Reason::kNoPods:
      return "NoPods";
    case Reason::kNoSidecar:
      return "NoSidecar";
    case Reason::kNoneReachable:
      return "NoneReachable";
    case Reason::kSomeUnreachable:
      return "SomeUnreachable";
    case Reason::kAllReachable:
      return "AllReachable";
    case Reason::kNotAsked:
      return "NotAsked";
    case Reason::kIncompatible:
      return "Incompatible";
    case Reason::kConflicted:
      return "Conflicted";
    case Reason::kAlone:
      return "Alone";
    case Reason::kProbeThroughProxy:
      return "ProbeThroughProxy";
    case Reason::kProbesFine:
      return "ProbesFine";
    case Reason::kReloadFailed:
      return "ReloadFailed";
    case Reason::kWorkloadRollingOut:
      return "WorkloadRollingOut";
    case Reason::kWaiting:
      return "Waiting";
    case Reason::kPaused:
      return "Paused";
    case Reason::kStarting:
      return "Starting";
    case Reason::kStepPause:
      return "StepPause";
    case Reason::kTooFewRequests:
      return "TooFewRequests";
    case Reason::kPromoting:
      return "Promoting";
    case Reason::kRollingBack:
      return "RollingBack";
    case Reason::kPromoted:
      return "Promoted";
    case Reason::kAbortedByUser:
      return "AbortedByUser";
    case Reason::kSuperseded:
      return "Superseded";
    case Reason::kPolicyNotFound:
      return "PolicyNotFound";
    case Reason::kPolicyDeleted:
      return "PolicyDeleted";
    case Reason::kReloadDeleted:
      return "ReloadDeleted";
    case Reason::kTemplateChanged:
      return "TemplateChanged";
    case Reason::kProgressDeadlineExceeded:
      return "ProgressDeadlineExceeded";
    case Reason::kNoTraffic:
      return "NoTraffic";
    case Reason::kSplit:
      return "Split";
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
