#include <algorithm>

#include "lib/policy/schedule.h"
#include "operator/core/analysis_allow.h"
#include "operator/core/conditions.h"
#include "operator/core/left_copies.h"
#include "operator/core/pins.h"
#include "operator/core/rights.h"
#include "operator/core/triggers.h"
#include "operator/core/version.h"

namespace sidestep::op {
namespace {

using api::ConditionStatus;
constexpr std::size_t kMostNamed = 5;  // pods that a message names

// What a look at the pods gives, once for all conditions.
struct Census {
  int live = 0;
  int with_sidecar = 0;
  int answered = 0;
  int not_asked = 0;
  int incompatible = 0;
  std::vector<std::string> silent;  // "shop-1: connection refused"
  std::vector<std::string> probed;  // "shop-1: container app: livenessProbe on port 8080"
};

Census census_of(const Observed& observed) {
  Census census;
  for (const ObservedPod& pod : observed.pods) {
    if (pod.is_terminating) continue;
    ++census.live;
    if (!pod.has_sidecar) continue;
    ++census.with_sidecar;
    if (!pod.probe_through_proxy.empty()) census.probed.push_back(pod.name + ": " + pod.probe_through_proxy);
    if (pod.reach == Reach::kReachable) {
      ++census.answered;
      if (pod.sidecar && !is_compatible(observed.operator_version, pod.sidecar->version))
        ++census.incompatible;
    } else if (pod.reach == Reach::kNotAsked) {
      ++census.not_asked;
    } else {
      census.silent.push_back(pod.name + ": " + pod.reach_message);
    }
  }
  std::sort(census.silent.begin(), census.silent.end());
  std::sort(census.probed.begin(), census.probed.end());
  return census;
}

std::string named(const std::vector<std::string>& list) {
  std::string text;
  for (std::size_t i = 0; i < std::min(list.size(), kMostNamed); ++i) text += (i == 0 ? "" : "; ") + list[i];
  if (list.size() > kMostNamed) text += "; and " + std::to_string(list.size() - kMostNamed) + " more";
  return text;
}

std::string target_text(const policy::PolicySpec& spec) {
  return spec.target_ref ? spec.target_ref->kind + "/" + spec.target_ref->name : "the selector";
}

struct Finding {
  ConditionStatus status;
  Reason reason;
  std::string message;
};

Finding reachable(const Census& census) {
  if (!census.silent.empty()) {
    const Reason reason = census.answered == 0 ? Reason::kNoneReachable : Reason::kSomeUnreachable;
    return {ConditionStatus::kFalse, reason, named(census.silent)};
  }
  if (census.with_sidecar == 0)
    return {ConditionStatus::kUnknown, Reason::kNoSidecar, "no pod has a sidecar"};
  if (census.not_asked > 0)
    return {ConditionStatus::kUnknown, Reason::kNotAsked, "some sidecars were not asked yet"};
  return {ConditionStatus::kTrue, Reason::kAllReachable, "every sidecar answers"};
}

std::optional<Obstacle> obstacle_of_pods(const Observed& observed, const Census& census) {
  const policy::PolicySpec& spec = observed.policy->spec;
  if (spec.target_ref && !observed.workload) {
    return Obstacle{Reason::kTargetNotFound,
                    target_text(spec) + " does not exist; the policy goes on when it does"};
  }
  if (census.live == 0) {
    return Obstacle{Reason::kNoPods,
                    "no pod of " + target_text(spec) + " runs; the policy goes on when one does"};
  }
  if (census.with_sidecar == 0) {
    return Obstacle{Reason::kNoSidecar,
                    "none of " + std::to_string(census.live) +
                        " pods has a container named sidestep with the port sidestep-ctl; add the "
                        "sidecar to the pod template"};
  }
  if (census.answered == 0 && census.silent.empty()) {
    return Obstacle{Reason::kNotAsked, "no sidecar was asked yet"};
  }
  if (census.answered == 0) {
    return Obstacle{Reason::kNoneReachable, "no sidecar answers: " + named(census.silent)};
  }
  if (census.incompatible == census.answered) {
    return Obstacle{Reason::kIncompatible,
                    "the sidecars' version is more than one minor version away from the operator's"};
  }
  return std::nullopt;
}

Finding ready(const Observed& observed, const std::optional<Obstacle>& obstacle, const api::Reload* running,
              const api::Reload* last) {
  if (observed.refused_write) {
    const Obstacle refusal = refusal_text(*observed.refused_write);
    return {ConditionStatus::kFalse, refusal.reason, refusal.message};
  }
  if (obstacle && obstacle->reason == Reason::kNotAsked) {
    return {ConditionStatus::kUnknown, obstacle->reason, obstacle->message};
  }
  if (obstacle && obstacle->reason != Reason::kSuspended && obstacle->reason != Reason::kWorkloadRollingOut) {
    return {ConditionStatus::kFalse, obstacle->reason, obstacle->message};
  }
  if (running != nullptr)
    return {ConditionStatus::kTrue, Reason::kReloading, running->meta.name + " is under way"};
  const bool has_failed = last != nullptr && last->status.phase == api::ReloadPhase::kFailed;
  if (has_failed) {
    return {ConditionStatus::kFalse, Reason::kReloadFailed,
            last->meta.name + ": " + last->status.end_message};
  }
  if (obstacle) return {ConditionStatus::kTrue, obstacle->reason, obstacle->message};
  return {ConditionStatus::kTrue, Reason::kIdle,
          "waits for a token in " + std::string(api::kReloadAnnotation) + ", or for a Reload of " +
              observed.policy_name};
}

Finding stalled(const std::optional<Obstacle>& obstacle, const Finding& ready) {
  const bool by_obstacle =
      obstacle && (obstacle->reason == Reason::kInvalidSpec || obstacle->reason == Reason::kConflicted ||
                   obstacle->reason == Reason::kAddressNotAllowed);
  const bool by_api = ready.reason == Reason::kWriteForbidden || ready.reason == Reason::kWriteRejected;
  if (by_obstacle || by_api || ready.reason == Reason::kReloadFailed) {
    return {ConditionStatus::kTrue, ready.reason, ready.message};
  }
  return {ConditionStatus::kFalse, Reason::kIdle, "nothing stands in the way for good"};
}

// Rights are granted by a Role in the namespace: one message with the rules for all that is forbidden.
Finding sources(const Observed& observed) {
  const ObservedSources& seen = observed.sources;
  std::vector<std::string> forbidden[2];
  for (const auto& problem : seen.problems) {
    if (!problem.is_forbidden) return {ConditionStatus::kFalse, Reason::kSourceUnreadable, problem.message};
    forbidden[problem.kind == policy::SourceKind::kSecret ? 1 : 0].push_back(problem.name);
  }
  std::string rules;
  for (const auto kind : {policy::SourceKind::kConfigMap, policy::SourceKind::kSecret}) {
    const auto& names = forbidden[kind == policy::SourceKind::kSecret ? 1 : 0];
    if (!names.empty()) rules += (rules.empty() ? "" : " and ") + source_rule(kind, names);
  }
  if (!rules.empty()) {
    return {ConditionStatus::kFalse, Reason::kSourceForbidden,
            "add " + rules + " to a Role of the operator in namespace " + observed.name_space +
                "; kubectl sidestep rbac " + observed.policy_name + " prints it"};
  }
  if (seen.hash.empty()) return {ConditionStatus::kUnknown, Reason::kNotAsked, "they were not read yet"};
  return {ConditionStatus::kTrue, Reason::kAllRead, "every named ConfigMap and Secret is watched"};
}

void set_sources(const Observed& observed, std::vector<api::Condition>& conditions, WallTime now) {
  if (observed.policy->spec.triggers.sources.empty()) {
    std::erase_if(conditions, [](const auto& each) { return each.type == condition::kSourcesReadable; });
    return;
  }
  const Finding finding = sources(observed);
  set_condition(conditions, condition::kSourcesReadable, finding.status, to_string(finding.reason),
                finding.message, observed.policy->meta.generation, now);
}

// Only of a policy that asks somebody.
void set_analysis(const Observed& observed, std::vector<api::Condition>& conditions, WallTime now) {
  const policy::Analysis& analysis = observed.policy->spec.analysis;
  if (analysis.metrics.empty() && analysis.webhooks.empty()) {
    std::erase_if(conditions, [](const auto& each) { return each.type == condition::kAnalysisAllowed; });
    return;
  }
  const auto refused = address_not_allowed(observed);
  set_condition(conditions, condition::kAnalysisAllowed,
                refused ? ConditionStatus::kFalse : ConditionStatus::kTrue,
                to_string(refused ? refused->reason : Reason::kAllAllowed),
                refused ? refused->message : "the operator may call every address of analysis",
                observed.policy->meta.generation, now);
}

}  // namespace

Obstacle refusal_text(const WriteRefusal& refusal) {
  if (!refusal.is_forbidden)
    return {Reason::kWriteRejected,
            refusal.message + "; if the operator is newer than its CRDs, apply those of its version"};
  const auto rule = rule_of_refusal(refusal.message);
  return {Reason::kWriteForbidden,
          refusal.message + (rule ? "; add " + *rule + " to the operator's role" : std::string())};
}

const RivalPolicy* elder_rival(const Observed& observed) {
  const api::ObjectMeta& ours = observed.policy->meta;
  const RivalPolicy* eldest = nullptr;
  for (const RivalPolicy& rival : observed.rivals) {
    const bool is_elder = rival.creation_time < ours.creation_time ||
                          (rival.creation_time == ours.creation_time && rival.uid < ours.uid);
    if (is_elder && (eldest == nullptr || rival.creation_time < eldest->creation_time)) eldest = &rival;
  }
  return eldest;
}

std::optional<Obstacle> obstacle_of(const Observed& observed) {
  const api::ReloadPolicy& policy = *observed.policy;
  if (!policy.spec_error.empty()) return Obstacle{Reason::kInvalidSpec, policy.spec_error};
  if (!policy.spec.target_ref && policy.spec.selector.empty()) {
    return Obstacle{Reason::kInvalidSpec, "spec: neither targetRef nor selector is set; set one of them"};
  }
  if (const auto& schedule = policy.spec.triggers.schedule) {
    if (const auto due = policy::next_due(*schedule, WallTime{}); !due)
      return Obstacle{Reason::kInvalidSpec, "spec.triggers.schedule." + due.error().detail};
  }
  if (const auto zones = policy::check_zones(policy.spec.guards); !zones)
    return Obstacle{Reason::kInvalidSpec, "spec.guards." + zones.error().detail};
  if (auto refused = address_not_allowed(observed)) return refused;
  if (const RivalPolicy* elder = elder_rival(observed)) {
    return Obstacle{Reason::kConflicted,
                    "policy " + elder->name + " is older and matches the same pods; delete one of the two"};
  }
  if (auto of_pods = obstacle_of_pods(observed, census_of(observed))) return of_pods;
  if (policy.spec.suspend)
    return Obstacle{Reason::kSuspended, "spec.suspend is true; no reload starts until it is false"};
  if (observed.workload && observed.workload->is_rolling_out) {
    return Obstacle{Reason::kWorkloadRollingOut,
                    "the workload replaces its pods; a reload gives way to that"};
  }
  return std::nullopt;
}

std::vector<api::Condition> policy_conditions(const Observed& observed, const api::Reload* running,
                                              const api::Reload* last, WallTime now) {
  const api::ReloadPolicy& policy = *observed.policy;
  const Census census = census_of(observed);
  const std::optional<Obstacle> obstacle = obstacle_of(observed);
  std::vector<api::Condition> conditions = policy.status.conditions;
  // Just after a start of the operator: what was known before still holds until the sidecars were asked.
  const bool is_unknown = obstacle && obstacle->reason == Reason::kNotAsked && !observed.refused_write;
  if (is_unknown && !conditions.empty()) return conditions;
  const auto set = [&](const char* type, const Finding& finding) {
    set_condition(conditions, type, finding.status, to_string(finding.reason), finding.message,
                  policy.meta.generation, now);
  };
  const Finding is_ready = ready(observed, obstacle, running, last);
  set(condition::kReady, is_ready);
  set_sources(observed, conditions, now);
  set_pin_conditions(observed, conditions, now);
  set_left_condition(observed, conditions, now);
  set_analysis(observed, conditions, now);
  set(condition::kReconciling,
      running != nullptr
          ? Finding{ConditionStatus::kTrue, Reason::kReloading, running->meta.name + " is under way"}
          : Finding{ConditionStatus::kFalse, Reason::kIdle, "no reload is under way"});
  set(condition::kStalled, stalled(obstacle, is_ready));
  set(condition::kPodsReachable, reachable(census));
  set(condition::kProbeThroughProxy,
      census.probed.empty()
          ? Finding{ConditionStatus::kFalse, Reason::kProbesFine, "no kubelet probe goes through the proxy"}
          : Finding{
                ConditionStatus::kTrue, Reason::kProbeThroughProxy,
                "a kubelet probe that waits in a hold restarts the app; move it to the policy's readiness: " +
                    named(census.probed)});
  const RivalPolicy* elder = elder_rival(observed);
  set(condition::kConflicted,
      elder == nullptr
          ? Finding{ConditionStatus::kFalse, Reason::kAlone, "no other policy matches these pods"}
          : Finding{ConditionStatus::kTrue, Reason::kConflicted,
                    "policy " + elder->name + " is older and matches the same pods"});
  return conditions;
}

}  // namespace sidestep::op
