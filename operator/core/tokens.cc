#include "operator/core/tokens.h"

#include <algorithm>

#include "lib/policy/signature.h"
#include "operator/core/commands.h"
#include "operator/core/conditions.h"

namespace sidestep::op {
namespace {

constexpr std::size_t kMostTokenBytes = 256;
constexpr std::ptrdiff_t kMostPodReloads = 20;  // that are not over; further pods wait with their tokens

bool contains(const std::vector<std::string>& list, const std::string& value) {
  return std::find(list.begin(), list.end(), value) != list.end();
}

void remember(TokenDecision& decision, const std::string& token) {
  auto& list = decision.handled;
  std::erase(list, token);
  list.insert(list.begin(), token);
  if (list.size() > api::kMostHandledTokens) list.resize(api::kMostHandledTokens);
}

void consider(const Observed& observed, const std::string& annotation, bool adopt, const std::string& where,
              TokenDecision& decision) {
  const std::string token = canonical_token(annotation);
  if (token.empty() || contains(decision.handled, token)) return;
  if (adopt) {
    decision.why.push_back("token " + token + " on " + where + " was there at first sight: adopted, not run");
    return remember(decision, token);
  }
  if (has_reload(observed, token)) return remember(decision, token);
  const api::ObjectMeta& meta = observed.policy->meta;
  decision.why.push_back("token " + token + " on " + where + " is new: a Reload is created");
  decision.create.push_back(
      {api::reload_name(meta.name, meta.uid, token), {meta.name, token, "annotation on " + where}});
}

bool is_made(const Observed& observed, const std::string& name) {
  return std::any_of(observed.reloads.begin(), observed.reloads.end(),
                     [&](const api::Reload& reload) { return reload.meta.name == name; });
}

// One pod's own annotation: a Reload of that pod alone.
void consider_pod(const Observed& observed, const ObservedPod& pod, std::ptrdiff_t& room,
                  TokenDecision& decision) {
  const std::string token = canonical_token(pod.reload_token);
  if (token.empty() || token == pod.handled_token || pod.is_terminating) return;
  const api::ObjectMeta& policy = observed.policy->meta;
  const std::string name = api::reload_name(policy.name, policy.uid, pod.uid + "\n" + token);
  // Pods are born with what stands on their template: that means nobody of them.
  const bool is_templates =
      !pod.is_ready || (observed.workload && observed.workload->template_token == pod.reload_token);
  const bool is_first_visit = observed.policy->status.observed_generation == 0;
  if (is_first_visit || is_templates || is_made(observed, name)) return decision.marks.push_back({{pod.name, pod.uid}, token});
  if (room-- <= 0) return;
  decision.why.push_back("token " + token + " on pod/" + pod.name + " is new: a Reload of it is created");
  decision.create.push_back({name, {policy.name, token, "annotation on pod/" + pod.name, pod.name}});
}

void consider_pods(const Observed& observed, TokenDecision& decision) {
  if (elder_rival(observed) != nullptr) return;  // whose pods they are
  const auto is_open = [](const api::Reload& reload) {
    return !reload.spec.pod.empty() && !is_final(reload.status.phase);
  };
  std::ptrdiff_t room =
      kMostPodReloads - std::count_if(observed.reloads.begin(), observed.reloads.end(), is_open);
  for (const ObservedPod& pod : observed.pods) consider_pod(observed, pod, room, decision);
}

}  // namespace

bool has_reload(const Observed& observed, const std::string& token) {
  return std::any_of(observed.reloads.begin(), observed.reloads.end(),
                     [&](const api::Reload& reload) {
                       return reload.spec.token == token && reload.spec.pod.empty();
                     });
}

std::string canonical_token(const std::string& token) {
  return token.size() <= kMostTokenBytes ? token : "sha256:" + policy::sha256_hex(token);
}

void decide_retry(const Observed& observed, const Queue& queue, TokenDecision& decision) {
  const api::Reload* last = queue.last();
  if (last == nullptr) return;
  const std::string& own = last->spec.token;
  if (own.starts_with(api::retry_token("")) && !contains(decision.handled, own)) remember(decision, own);
  const std::string token = api::retry_token(last->meta.uid);
  if (contains(decision.handled, token)) return;
  const api::ObjectMeta& policy = observed.policy->meta;
  const std::string name = api::reload_name(policy.name, policy.uid, token);
  if (is_made(observed, name)) return remember(decision, token);
  const bool is_asked = last->status.phase != api::ReloadPhase::kSucceeded && commands_of(last->meta).retry;
  if (!is_asked || queue.running != nullptr || queue.next != nullptr) return;
  decision.why.push_back(last->meta.name + " is tried again");
  decision.create.push_back({name, {policy.name, token, "retry of " + last->meta.name, last->spec.pod,
                                    last->spec.content}});
}

TokenDecision decide_tokens(const Observed& observed) {
  const api::ReloadPolicyStatus& status = observed.policy->status;
  TokenDecision decision{{}, {}, status.handled_tokens, status.target_uid, {}};
  if (observed.workload) {
    const ObservedWorkload& workload = *observed.workload;
    const bool is_first_sight = workload.uid != status.target_uid;
    consider(observed, workload.reload_token, is_first_sight, workload.kind + "/" + workload.name, decision);
    decision.target_uid = workload.uid;
  }
  const bool is_first_visit = status.observed_generation == 0;
  consider(observed, observed.policy->meta.annotation(api::kReloadAnnotation), is_first_visit, "the policy",
           decision);
  consider_pods(observed, decision);
  return decision;
}

}  // namespace sidestep::op
