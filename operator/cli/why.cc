#include "operator/cli/why.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <set>
#include <tuple>

#include "lib/k8s/json_fields.h"
#include "operator/cli/pods_view.h"
#include "operator/cli/render_analysis.h"

namespace sidestep::op::cli {
namespace {

using Json = nlohmann::json;
using k8s::field;
using k8s::text_field;

struct Way {
  const char* reason;
  const char* out;
};
// What to do about a reason whose message does not say it.
constexpr std::array kWays{Way{"Paused", "kubectl sidestep resume"},
                           Way{"StepPause", "kubectl sidestep skip-step, or promote"},
                           Way{"SourcesChanged", "kubectl sidestep abort"},
                           Way{"TooFewRequests", "kubectl sidestep promote --full"},
                           Way{"MetricNoData", "kubectl sidestep promote --full"},
                           Way{"MetricFailed", "kubectl sidestep promote --full, or abort"},
                           Way{"WebhookFailed", "kubectl sidestep promote --full, or abort"}};

std::string sentence_of(const api::Reload& reload) {
  const api::Condition* progress = api::find_condition(reload.status.conditions, "Progressing");
  const std::string verb = reload.status.start_time ? " runs" : " waits";
  if (progress == nullptr)
    return reload.meta.name + verb + ": the operator has not looked at it yet; is it running?\n";
  std::string text = reload.meta.name + verb + ", " + progress->reason + ": " + progress->message;
  for (const Way& way : kWays)
    if (progress->reason == way.reason)
      text += "; to go on: " + std::string(way.out) + " " + reload.meta.name;
  return text + "\n";
}

// Conditions that say that something is wrong; Ready and Stalled often say the same.
std::string sentences_of(const api::ReloadPolicy& policy) {
  std::string text;
  std::set<std::string> said;
  if (!policy.spec_error.empty()) {
    said.insert(policy.spec_error);
    text = "InvalidSpec: " + policy.spec_error + "\n";
  }
  for (const api::Condition& each : policy.status.conditions) {
    const bool is_good_when_true = each.type == "Ready" || each.type == "PodsReachable" ||
                                   each.type == "SourcesReadable" || each.type == "SourcesPinned" ||
                                   each.type == "AnalysisAllowed";
    const bool is_task = each.type == "Reconciling";
    const auto bad = is_good_when_true ? api::ConditionStatus::kFalse : api::ConditionStatus::kTrue;
    if (is_task || each.status != bad || !said.insert(each.message).second) continue;
    text += each.reason + ": " + each.message + "\n";
  }
  return text;
}

// What would start a reload, and did not.
std::string sentence_of_triggers(const api::ReloadPolicy& policy) {
  const api::ReloadPolicyStatus& status = policy.status;
  const std::string& name = policy.meta.name;
  if (policy.spec.triggers.sources.empty())
    return "no ConfigMaps or Secrets are named in spec.triggers: reloads start " +
           std::string(policy.spec.triggers.schedule ? "by its schedule, " : "") +
           "by a token in the annotation " + api::kReloadAnnotation + ", or by kubectl sidestep reload " +
           name + "\n";
  if (status.desired_hash.empty()) return "the ConfigMaps and Secrets of spec.triggers were not read yet\n";
  if (status.desired_hash == status.applied_hash)
    return "the pods have what the ConfigMaps and Secrets of spec.triggers hold; a change starts a reload\n";
  if (status.desired_hash == status.attempted_hash)
    return "what the ConfigMaps and Secrets hold was tried and did not succeed; change it, or kubectl "
           "sidestep retry " +
           name + "\n";
  return "a change of the ConfigMaps or Secrets waits for the end of its quiet period\n";
}

const api::Reload* newest(const std::vector<api::Reload>& reloads) {
  const auto found = std::max_element(reloads.begin(), reloads.end(), [](const auto& a, const auto& b) {
    return a.meta.creation_time < b.meta.creation_time;
  });
  return found == reloads.end() ? nullptr : &*found;
}

bool steers(const policy::PolicySpec& spec, const Json& meta) {
  const Json& labels = field(meta, "labels");
  if (!spec.target_ref)
    return !spec.selector.empty() &&
           std::all_of(spec.selector.begin(), spec.selector.end(), [&](const auto& each) {
             return text_field(labels, each.first.c_str()) == each.second;
           });
  // A Deployment's pods belong to its ReplicaSets.
  const bool is_deployment = spec.target_ref->kind == "Deployment";
  const std::string kind = is_deployment ? "ReplicaSet" : spec.target_ref->kind;
  const std::string name =
      spec.target_ref->name + (is_deployment ? "-" + text_field(labels, "pod-template-hash") : "");
  const Json& owners = field(meta, "ownerReferences");
  return std::any_of(owners.begin(), owners.end(), [&](const Json& owner) {
    return text_field(owner, "kind") == kind && text_field(owner, "name") == name;
  });
}

}  // namespace

std::string why_text(const api::ReloadPolicy& policy, const std::vector<api::Reload>& reloads) {
  std::string text;
  if (policy.status.observed_generation < policy.meta.generation)
    text += "the operator has not looked at this policy since it was changed; is it running?\n";
  bool is_under_way = false;
  for (const api::Reload& each : reloads) {
    if (api::is_final(each.status.phase)) continue;
    text += sentence_of(each);
    for (const std::string& sentence : analysis_sentences(each.status)) text += sentence + "\n";
    is_under_way = true;
  }
  if (policy.spec.suspend && !is_under_way)
    text += "Suspended: spec.suspend is true; no reload starts until it is false\n";
  text += sentences_of(policy);
  const bool may_start = !is_under_way && policy.spec_error.empty();
  return may_start ? text + sentence_of_triggers(policy) : text;
}

const api::ReloadPolicy* policy_of_pod(const Json& pod, const std::vector<api::ReloadPolicy>& policies) {
  const api::ReloadPolicy* eldest = nullptr;
  for (const api::ReloadPolicy& each : policies) {
    if (!steers(each.spec, field(pod, "metadata"))) continue;
    const auto age = [](const api::ReloadPolicy& policy) {
      return std::tie(policy.meta.creation_time, policy.meta.uid);
    };
    if (eldest == nullptr || age(each) < age(*eldest)) eldest = &each;
  }
  return eldest;
}

std::string why_pod_text(const Json& pod, const std::vector<api::Reload>& reloads) {
  const std::string name = text_field(field(pod, "metadata"), "name");
  if (control_port(pod) == 0)
    return name + " has no container named sidestep; add the sidecar to its pod template\n";
  const api::Reload* last = newest(reloads);
  if (last == nullptr) return "";
  for (const api::FailedPod& failed : last->status.failed_pods)
    if (failed.name == name)
      return name + " failed in " + last->meta.name + ", " + failed.reason + ": " + failed.message + "\n";
  return "";
}

}  // namespace sidestep::op::cli
