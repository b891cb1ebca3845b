#include "operator/io/gather.h"

#include <algorithm>
#include <set>

#include "lib/policy/pins.h"
#include "operator/api/reloader.h"
#include "operator/core/admission.h"
#include "operator/core/triggers.h"

namespace sidestep::op {
namespace {

constexpr Millis kRestPerPolicy{600};
constexpr Millis kLeastRest{60'000};
constexpr Millis kLongestRest{600'000};

bool is_running(const Observed& observed) {
  return std::any_of(observed.reloads.begin(), observed.reloads.end(),
                     [](const api::Reload& reload) { return !api::is_final(reload.status.phase); });
}

ObservedPod observed_pod(const PodView& view) {
  ObservedPod pod;
  pod.name = view.name;
  pod.uid = view.uid;
  pod.template_hash = view.template_hash();
  pod.creation_time = view.creation_time;
  pod.is_ready = view.is_ready;
  pod.is_terminating = view.is_terminating;
  pod.has_sidecar = view.control_port != 0;
  pod.probe_through_proxy = view.probe_through_proxy;
  pod.refresh = view.refresh;
  pod.reload_token = view.reload_token;
  pod.handled_token = view.handled_token;
  pod.node = view.node;
  pod.zone = view.zone;
  pod.mounts_config = view.mounts_config;
  pod.fixed_uses = view.fixed_uses;
  return pod;
}

bool can_be_asked(const PodView& view) {
  return view.control_port != 0 && !view.ip.empty() && !view.is_terminating;
}

SidecarAddress address_of(const PodView& view) { return {view.uid, view.ip, view.control_port}; }

// Nothing depends on these looks, and with many policies they would be all that the operator does.
Millis rest_among(std::size_t policies) {
  return std::clamp(kRestPerPolicy * static_cast<Millis::rep>(policies), kLeastRest, kLongestRest);
}

// The hash of the youngest pod, when no rollout is under way: then it is the template's.
std::string hash_of_youngest(const std::vector<ObservedPod>& pods) {
  const ObservedPod* youngest = nullptr;
  for (const ObservedPod& pod : pods)
    if (!pod.is_terminating && (!youngest || pod.creation_time > youngest->creation_time)) youngest = &pod;
  return youngest ? youngest->template_hash : std::string();
}

}  // namespace

bool Gatherer::is_behind(const Observed& observed) {
  const TimePoint now = clock_.steady();
  const std::string home = observed.name_space + "/";
  const std::string policy = "policy " + home + observed.policy_name;
  if (ledger_.is_behind(policy, observed.policy ? observed.policy->meta.resource_version : "", now))
    return true;
  std::map<std::string, std::string> cached;
  bool behind = false;
  for (const api::Reload& reload : observed.reloads) {
    const std::string name = "reload " + home + observed.policy_name + " " + reload.meta.name;
    cached[name] = reload.meta.resource_version;
    behind = ledger_.is_behind(name, reload.meta.resource_version, now) || behind;
  }
  return behind || ledger_.any_missing("reload " + home + observed.policy_name + " ", cached, now);
}

void Gatherer::add_workload(Observed& observed) const {
  const auto workload = world_.workload_of(*observed.policy);
  if (!workload) return;
  ObservedWorkload out{workload->kind,           workload->name,          workload->uid,
                       workload->reload_token,   workload->template_hash, workload->replicas,
                       workload->is_rolling_out, workload->partition,     workload->template_token};
  if (out.template_hash.empty() && !out.is_rolling_out) out.template_hash = hash_of_youngest(observed.pods);
  observed.workload = std::move(out);
}

void Gatherer::ask_sidecars(const api::ReloadPolicy& policy) const {
  std::vector<SidecarAddress> addresses;
  for (const auto& view : world_.pods_of(policy))
    if (can_be_asked(*view)) addresses.push_back(address_of(*view));
  book_.look(addresses, true);
}

void Gatherer::add_pods(Observed& observed) const {
  std::vector<SidecarAddress> addresses;
  std::vector<std::size_t> owners;
  for (const auto& view : world_.pods_of(*observed.policy)) {
    observed.pods.push_back(observed_pod(*view));
    if (!can_be_asked(*view)) continue;
    addresses.push_back(address_of(*view));
    owners.push_back(observed.pods.size() - 1);
  }
  auto entries = book_.look(addresses, is_running(observed));
  for (std::size_t i = 0; i < entries.size(); ++i) {
    ObservedPod& pod = observed.pods[owners[i]];
    pod.reach = entries[i].reach;
    pod.reach_message = std::move(entries[i].reach_message);
    pod.sidecar = std::move(entries[i].status);
    pod.refusal = std::move(entries[i].refusal);
    if (entries[i].failures == 0) continue;
    observed.ask_again = std::min(observed.ask_again.value_or(entries[i].ask_again), entries[i].ask_again);
  }
}

void Gatherer::add_rivals(Observed& observed) const {
  const auto pods = world_.pods_of(*observed.policy);
  for (const auto& entry : world_.policies(observed.name_space + "/")) {
    const api::ReloadPolicy& other = entry->object;
    if (other.meta.name == observed.policy_name) continue;
    const Selector theirs = world_.selector_of(other);
    const bool shares =
        std::any_of(pods.begin(), pods.end(), [&](const auto& pod) { return matches(theirs, pod->labels); });
    if (shares) observed.rivals.push_back({other.meta.name, other.meta.uid, other.meta.creation_time});
  }
}

void Gatherer::add_others(Observed& observed) const {
  observed.budget = parts_.budget;
  if (observed.budget.in_cluster == 0 && observed.budget.in_namespace == 0) return;
  for (const auto& entry : world_.reloads()) {
    const api::Reload& reload = entry->object;
    const bool is_ours =
        reload.meta.name_space == observed.name_space && reload.spec.policy == observed.policy_name;
    if (is_ours || is_final(reload.status.phase)) continue;
    const bool is_running = reload.status.start_time.has_value();
    const auto policy = world_.policy(reload.meta.name_space + "/" + reload.spec.policy);
    if (!is_running && !stands_in_line(reload, policy ? &policy->object : nullptr)) continue;
    observed.others.push_back({reload.meta.name_space, reload.meta.uid, is_running,
                               policy ? policy->object.spec.priority : 0, reload.meta.creation_time});
  }
}

void Gatherer::add_dependencies(Observed& observed) const {
  std::map<std::string, std::vector<std::string>> graph;
  if (observed.policy->spec.depends_on.empty()) return;
  for (const auto& entry : world_.policies(observed.name_space + "/"))
    graph[entry->object.meta.name] = entry->object.spec.depends_on;
  for (const std::string& name : observed.policy->spec.depends_on) {
    const auto policy = world_.policy(observed.name_space + "/" + name);
    observed.dependencies.push_back(dependency_of(name, policy ? &policy->object : nullptr,
                                                  world_.reloads_of(observed.name_space, name)));
    observed.dependencies.back().is_cycle = reaches(graph, name, observed.policy_name);
  }
}

void Gatherer::add_named_by_workload(Observed& observed) const {
  policy::Triggers& triggers = observed.policy->spec.triggers;
  if (!triggers.honors_reloader) return;
  if (const auto workload = world_.workload_of(*observed.policy))
    api::add_sources(triggers.sources, workload->reloader_sources);
}

// Only strategies that make a pod unavailable ask for them.
void Gatherer::add_disruptions(Observed& observed) const {
  if (observed.policy->spec.strategy.type == policy::StrategyType::kOverlap) return;
  const auto pods = world_.pods_of(*observed.policy);
  for (const auto& view : world_.disruptions(observed.name_space)) {
    DisruptionBudget budget{view->name, view->allowed, view->is_known, {}};
    for (const auto& pod : pods)
      if (view->covers(pod->labels)) budget.pods.push_back(pod->uid);
    if (!budget.pods.empty()) observed.disruption_budgets.push_back(std::move(budget));
  }
}

void Gatherer::add_analysis(const std::string& policy_key, Observed& observed) const {
  const policy::Analysis& analysis = observed.policy->spec.analysis;
  if (analysis.metrics.empty() && analysis.webhooks.empty()) return;
  observed.analysis_allow = parts_.analysis_allow;
  if (parts_.desk != nullptr) observed.replies = parts_.desk->replies(policy_key);
}

void Gatherer::add_sources(const std::string& policy_key, Observed& observed) {
  const auto& sources = observed.policy->spec.triggers.sources;
  parts_.sources.keep(policy_key, observed.name_space, sources);
  if (sources.empty()) return;
  observed.sources = parts_.sources.look(observed.name_space, sources);
  const std::string key = parts_.hash_key();
  if (observed.sources.contents.empty() || key.empty()) return;
  observed.sources.hash = keyed_hash(key, policy::content_hash(observed.sources.contents));
  const std::lock_guard lock(mutex_);
  policy::Debounce& changes = changes_[policy_key];
  changes = policy::noted(changes, observed.sources.hash, settled_hash(observed), clock_.wall());
  observed.sources.changes = changes;
}

// Any pod of the namespace counts: the workload may be gone, and its pods be nobody's.
void Gatherer::add_left(Observed& observed) const {
  if (parts_.left != nullptr) observed.left = parts_.left->look(observed);
  if (observed.left.empty()) return;
  std::map<std::string, LeftPin*> by_copy;
  for (LeftPin& left : observed.left)
    for (const auto copy : {policy::Copy::kKept, policy::Copy::kStaged, policy::Copy::kPrevious})
      by_copy[std::string(to_string(left.source.kind)) + "/" +
              policy::copy_name(observed.policy_name, left.source, copy)] = &left;
  for (const auto& pod : world_.pods(observed.name_space + "/")) {
    std::set<LeftPin*> mounted;
    for (const std::string& copy : pod->copies)
      if (const auto found = by_copy.find(copy); found != by_copy.end()) mounted.insert(found->second);
    for (LeftPin* left : mounted) left->mounted_by.push_back(pod->name);
  }
  for (LeftPin& left : observed.left) std::sort(left.mounted_by.begin(), left.mounted_by.end());
}

std::optional<Observed> Gatherer::gather(const std::string& policy_key) {
  const auto slash = policy_key.find('/');
  Observed observed;
  observed.name_space = policy_key.substr(0, slash);
  observed.policy_name = policy_key.substr(slash + 1);
  observed.operator_version = version_;
  observed.rest = rest_among(world_.policy_count());
  observed.namespace_terminating = world_.is_namespace_terminating(observed.name_space);
  observed.reloads = world_.reloads_of(observed.name_space, observed.policy_name);
  if (const auto policy = world_.policy(policy_key)) observed.policy = policy->object;
  if (is_behind(observed)) return std::nullopt;
  if (!observed.policy) {
    parts_.sources.keep(policy_key, observed.name_space, {});
    if (parts_.pins != nullptr) parts_.pins->forget(policy_key);
    if (parts_.left != nullptr) parts_.left->forget(policy_key);
    const std::lock_guard lock(mutex_);
    changes_.erase(policy_key);
    return observed;
  }
  add_pods(observed);
  add_workload(observed);
  add_rivals(observed);
  add_others(observed);
  add_dependencies(observed);
  add_named_by_workload(observed);
  add_disruptions(observed);
  add_analysis(policy_key, observed);
  add_sources(policy_key, observed);
  if (parts_.pins != nullptr) observed.pins = parts_.pins->look(observed);
  add_left(observed);
  return observed;
}

}  // namespace sidestep::op
