// The operator's picture of the cluster: one watch and one cache per kind, and which policy a change
// concerns.
//
// Only reads. A change puts the names ("namespace/name") of the policies it concerns into the queue and says
// nothing else; what to do is decided from the caches alone, so a lost or doubled notice does no harm.
// Threads: one per watch, started by run_all; readers on any thread.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "lib/k8s/cache.h"
#include "lib/k8s/watch.h"
#include "operator/api/reload.h"
#include "operator/api/reload_policy.h"
#include "operator/io/views.h"

namespace sidestep::op {

// Any change of the object counts: compared by resourceVersion alone.
template <typename Object>
struct Entry {
  Object object;
  bool operator==(const Entry& other) const {
    return object.meta.uid == other.object.meta.uid &&
           object.meta.resource_version == other.object.meta.resource_version;
  }
};
using PolicyEntry = Entry<api::ReloadPolicy>;
using ReloadEntry = Entry<api::Reload>;

extern const k8s::Resource kPolicies;
extern const k8s::Resource kReloads;
extern const k8s::Resource kPods;

class World {
 public:
  // Called with the name of a policy that may have something to decide.
  using Wake = std::function<void(const std::string& policy_key)>;

  // `scope`: the one namespace that is looked at; empty: all.
  World(k8s::Client& client, const Clock& clock, std::string scope, Wake wake);
  ~World();

  // Starts the watches; they end when this object is destroyed or `stop_all` is called.
  void run_all();
  void stop_all();

  bool is_synced() const;
  bool is_healthy(TimePoint now) const;

  std::shared_ptr<const PolicyEntry> policy(const std::string& key) const { return policies_.get(key); }
  std::vector<std::shared_ptr<const PolicyEntry>> policies(const std::string& prefix = {}) const {
    return policies_.all(prefix);
  }
  // Reloads of the namespace that name this policy.
  std::vector<api::Reload> reloads_of(const std::string& name_space, const std::string& policy_name) const;
  std::vector<std::shared_ptr<const ReloadEntry>> reloads() const { return reloads_.all({}); }
  // Those that have started: "namespace/name" → it still runs.
  std::map<std::string, bool> started_reloads() const;
  // The workload that the policy targets, if it has one and it is there.
  std::shared_ptr<const WorkloadView> workload_of(const api::ReloadPolicy& policy) const;
  // Which pods are the policy's; matches nothing while the target does not exist.
  Selector selector_of(const api::ReloadPolicy& policy) const;
  std::vector<std::shared_ptr<const PodView>> pods_of(const api::ReloadPolicy& policy) const;
  // By "namespace/name".
  std::shared_ptr<const PodView> pod(const std::string& key) const { return pods_.get(key); }
  std::vector<std::shared_ptr<const PodView>> pods(const std::string& prefix = {}) const {
    return pods_.all(prefix);
  }
  // PodDisruptionBudgets of the namespace.
  std::vector<std::shared_ptr<const DisruptionView>> disruptions(const std::string& name_space) const {
    return disruptions_.all(name_space + "/");
  }
  bool is_namespace_terminating(const std::string& name_space) const;
  std::size_t pod_count() const { return pods_.size(); }
  std::size_t policy_count() const { return policies_.size(); }

 private:
  bool selects(const api::ReloadPolicy& policy, const Labels& labels) const;
  // None of these is called while the caches are being filled: each policy has woken itself by then.
  void wake_policies_of_pod(const PodView& pod) const;
  void wake_policies_of_workload(const WorkloadView& workload) const;
  void wake_namespace(const std::string& name_space) const;
  std::unique_ptr<k8s::Watcher> watcher(const k8s::Resource& resource, k8s::ListOptions options,
                                        k8s::WatchSink& sink);
  k8s::Cache<WorkloadView>* workloads_of_kind(const std::string& kind) const;

  k8s::Client& client_;
  const Clock& clock_;
  const std::string scope_;
  const Wake wake_;
  k8s::Cache<PolicyEntry> policies_;
  k8s::Cache<ReloadEntry> reloads_;
  LabelPool labels_;  // of the pods' watch
  k8s::Cache<PodView> pods_;
  k8s::Cache<NamespaceView> namespaces_;
  k8s::Cache<DisruptionView> disruptions_;
  std::vector<std::pair<std::string, std::unique_ptr<k8s::Cache<WorkloadView>>>> workloads_;  // by kind
  std::vector<std::unique_ptr<k8s::Watcher>> watchers_;
  std::vector<std::jthread> threads_;
};

}  // namespace sidestep::op
