#include "operator/io/world.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "lib/base/log.h"
#include "operator/api/wire.h"

namespace sidestep::op {

const k8s::Resource kPolicies{api::kGroupVersion, "reloadpolicies"};
const k8s::Resource kReloads{api::kGroupVersion, "reloads"};
const k8s::Resource kPods{"v1", "pods"};

namespace {

const k8s::Resource kNamespaces{"v1", "namespaces"};
const k8s::Resource kDisruptions{"policy/v1", "poddisruptionbudgets"};
constexpr std::array<std::pair<const char*, const char*>, 3> kWorkloadKinds{
    {{"Deployment", "deployments"}, {"StatefulSet", "statefulsets"}, {"DaemonSet", "daemonsets"}}};

template <typename Object>
std::optional<Entry<Object>> entry_of(Result<Object> read, const k8s::Json& object) {
  if (read) return Entry<Object>{*std::move(read)};
  log::warn("an object cannot be read", {{"object", k8s::key_of(object)}, {"error", read.error().detail}});
  return std::nullopt;
}

std::string policy_of(const ReloadEntry& reload) {
  return reload.object.meta.name_space + "/" + reload.object.spec.policy;
}

}  // namespace

World::World(k8s::Client& client, const Clock& clock, std::string scope, Wake wake)
    : client_(client),
      clock_(clock),
      scope_(std::move(scope)),
      wake_(std::move(wake)),
      policies_([](const k8s::Json& object) { return entry_of(api::policy_from_json(object), object); },
                // Policies of one namespace may be rivals for its pods.
                [this](const std::string& key, const auto& before, const auto& after) {
                  wake_(key);
                  if ((!before || !after) && is_synced()) wake_namespace(key.substr(0, key.find('/')));
                }),
      reloads_([](const k8s::Json& object) { return entry_of(api::reload_from_json(object), object); },
               [this](const std::string&, const auto& before, const auto& after) {
                 wake_(policy_of(after ? *after : *before));
               }),
      pods_(
          [this](const k8s::Json& object) {
            auto view = pod_view(object);
            if (view) view->labels = labels_.share(view->labels);
            return view;
          },
          [this](const std::string&, const auto& before, const auto& after) {
            if (!is_synced()) return;
            if (before) wake_policies_of_pod(*before);
            if (after && (!before || before->labels != after->labels)) wake_policies_of_pod(*after);
          }),
      namespaces_([](const k8s::Json& object) { return namespace_view(object); },
                  [this](const std::string& key, const auto& before, const auto&) {
                    if (before) wake_namespace(key);
                  }),
      // Nobody is woken: who waits for a budget looks twice a second.
      disruptions_([](const k8s::Json& object) { return disruption_view(object); },
                   [](const std::string&, const auto&, const auto&) {}) {
  for (const auto& [kind, plural] : kWorkloadKinds) {
    auto reduce = [name = std::string(kind)](const k8s::Json& object) { return workload_view(object, name); };
    auto listen = [this](const std::string&, const auto& before, const auto& after) {
      if (!is_synced()) return;
      wake_policies_of_workload(after ? *after : *before);
    };
    workloads_.emplace_back(kind, std::make_unique<k8s::Cache<WorkloadView>>(reduce, listen));
  }
}

World::~World() { stop_all(); }

std::unique_ptr<k8s::Watcher> World::watcher(const k8s::Resource& resource, k8s::ListOptions options,
                                             k8s::WatchSink& sink) {
  return std::make_unique<k8s::Watcher>(client_, clock_, k8s::ObjectRef{resource, scope_, ""},
                                        std::move(options), sink);
}

void World::run_all() {
  watchers_.push_back(watcher(kPolicies, {.page = 100}, policies_));
  watchers_.push_back(watcher(kReloads, {.page = 100}, reloads_));
  for (std::size_t i = 0; i < kWorkloadKinds.size(); ++i)
    watchers_.push_back(watcher({"apps/v1", kWorkloadKinds[i].second}, {.page = 200}, *workloads_[i].second));
  watchers_.push_back(watcher(kPods, {.page = 250}, pods_));
  watchers_.push_back(watcher(kDisruptions, {.page = 200}, disruptions_));
  if (scope_.empty()) watchers_.push_back(watcher(kNamespaces, {.metadata_only = true}, namespaces_));
  for (const auto& each : watchers_)
    threads_.emplace_back([watcher = each.get()](std::stop_token stop) { watcher->run(std::move(stop)); });
}

void World::stop_all() {
  for (std::jthread& thread : threads_) thread.request_stop();
  threads_.clear();
}

bool World::is_synced() const {
  return !watchers_.empty() &&
         std::all_of(watchers_.begin(), watchers_.end(), [](auto& each) { return each->is_synced(); });
}

bool World::is_healthy(TimePoint now) const {
  return std::all_of(watchers_.begin(), watchers_.end(), [now](auto& each) { return each->is_healthy(now); });
}

std::vector<api::Reload> World::reloads_of(const std::string& name_space,
                                           const std::string& policy_name) const {
  std::vector<api::Reload> found;
  const auto is_its = [&](const ReloadEntry& reload) { return reload.object.spec.policy == policy_name; };
  for (const auto& reload : reloads_.some(name_space + "/", is_its)) found.push_back(reload->object);
  return found;
}

std::map<std::string, bool> World::started_reloads() const {
  std::map<std::string, bool> started;
  for (const auto& reload : reloads_.all({})) {
    const auto& [meta, spec, status] = reload->object;
    if (status.start_time) started[meta.name_space + "/" + meta.name] = !is_final(status.phase);
  }
  return started;
}

k8s::Cache<WorkloadView>* World::workloads_of_kind(const std::string& kind) const {
  for (const auto& [name, cache] : workloads_)
    if (name == kind) return cache.get();
  return nullptr;
}

std::shared_ptr<const WorkloadView> World::workload_of(const api::ReloadPolicy& policy) const {
  if (!policy.spec.target_ref) return nullptr;
  const auto* cache = workloads_of_kind(policy.spec.target_ref->kind);
  return cache ? cache->get(policy.meta.name_space + "/" + policy.spec.target_ref->name) : nullptr;
}

Selector World::selector_of(const api::ReloadPolicy& policy) const {
  if (!policy.spec.target_ref) return selector_from_pairs(policy.spec.selector);
  const auto workload = workload_of(policy);
  return workload ? workload->selector : Selector{};
}

std::vector<std::shared_ptr<const PodView>> World::pods_of(const api::ReloadPolicy& policy) const {
  const Selector selector = selector_of(policy);
  if (selector.all.empty()) return {};
  return pods_.some(policy.meta.name_space + "/",
                    [&](const PodView& pod) { return matches(selector, pod.labels); });
}

bool World::selects(const api::ReloadPolicy& policy, const Labels& labels) const {
  if (!policy.spec.target_ref) return matches(selector_from_pairs(policy.spec.selector), labels);
  const auto workload = workload_of(policy);
  return workload && matches(workload->selector, labels);
}

bool World::is_namespace_terminating(const std::string& name_space) const {
  const auto found = namespaces_.get(name_space);
  return found && found->is_terminating;
}

void World::wake_namespace(const std::string& name_space) const {
  for (const auto& policy : policies_.all(name_space + "/"))
    wake_(policy->object.meta.name_space + "/" + policy->object.meta.name);
}

void World::wake_policies_of_pod(const PodView& pod) const {
  for (const auto& policy : policies_.all(pod.name_space + "/"))
    if (selects(policy->object, pod.labels)) wake_(pod.name_space + "/" + policy->object.meta.name);
}

void World::wake_policies_of_workload(const WorkloadView& workload) const {
  for (const auto& policy : policies_.all(workload.name_space + "/")) {
    const auto& target = policy->object.spec.target_ref;
    if (target && target->kind == workload.kind && target->name == workload.name)
      wake_(workload.name_space + "/" + policy->object.meta.name);
  }
}

}  // namespace sidestep::op
