// What the operator keeps of pods, workloads and namespaces: a few hundred bytes of each. Pure functions from
// the objects' JSON.
#pragma once

#include <cstdint>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <set>
#include <string>

#include "lib/base/clock.h"
#include "operator/core/observed.h"
#include "operator/io/selector.h"

namespace sidestep::op {

// Labels that many pods have alike are kept once (LabelPool). Compared by value.
class SharedLabels {
 public:
  SharedLabels() : labels_(std::make_shared<const Labels>()) {}
  SharedLabels(Labels labels) : labels_(std::make_shared<const Labels>(std::move(labels))) {}
  explicit SharedLabels(std::shared_ptr<const Labels> labels) : labels_(std::move(labels)) {}
  operator const Labels&() const { return *labels_; }
  const Labels* operator->() const { return labels_.get(); }
  const std::shared_ptr<const Labels>& pointer() const { return labels_; }
  bool operator==(const SharedLabels& other) const {
    return labels_ == other.labels_ || *labels_ == *other.labels_;
  }

 private:
  std::shared_ptr<const Labels> labels_;
};

// One copy of labels that are alike: pods of one template have the same. Forgets those that nobody has any
// more, in time. One thread.
class LabelPool {
 public:
  SharedLabels share(const SharedLabels& labels);
  std::size_t size() const { return known_.size(); }

 private:
  struct ByValue {
    bool operator()(const auto& a, const auto& b) const { return *a < *b; }
  };
  std::set<std::shared_ptr<const Labels>, ByValue> known_;
  std::size_t sweep_at_ = 1024;  // labels
};

struct PodView {
  std::string name, name_space, uid;
  SharedLabels labels;
  WallTime creation_time{};
  bool is_ready = false;
  bool is_terminating = false;  // deletionTimestamp, or phase Succeeded or Failed
  std::string ip;
  std::uint16_t control_port = 0;  // 0: no sidecar
  std::string probe_through_proxy;
  std::string refresh;
  std::string reload_token, handled_token;
  std::string node, zone;
  std::vector<FixedUse> fixed_uses;  // of pods with a sidecar
  std::vector<std::string>
      copies;  // of pinned sources that it mounts, "ConfigMap/sidestep-kept-…"; while it lives
  bool mounts_config = false;        // a ConfigMap or Secret, other than the sidecar's own and the account's
  bool operator==(const PodView&) const = default;

  std::string template_hash() const;
};

struct WorkloadView {
  std::string kind, name, name_space, uid;
  std::string reload_token;
  std::string template_token;  // the same annotation on its pod template
  Selector selector;
  std::string template_hash;  // StatefulSet: status.updateRevision; others "" (worked out from the pods)
  int replicas = 0;
  bool is_rolling_out = false;
  int partition = 0;
  std::vector<policy::Source> reloader_sources;  // named by annotations of Stakater Reloader
  bool operator==(const WorkloadView&) const = default;
};

// A PodDisruptionBudget.
struct DisruptionView {
  std::string name;
  Selector selector;  // matches nothing when it is empty: `matches_all` then
  bool matches_all = false;
  int allowed = 0;        // status.disruptionsAllowed
  bool is_known = false;  // the status is of the newest spec
  bool operator==(const DisruptionView&) const = default;

  bool covers(const Labels& labels) const { return matches_all || matches(selector, labels); }
};

struct NamespaceView {
  bool is_terminating = false;
  bool operator==(const NamespaceView&) const = default;
};

std::optional<PodView> pod_view(const nlohmann::json& pod);
// `kind` is given, since items of a list carry none.
std::optional<WorkloadView> workload_view(const nlohmann::json& workload, const std::string& kind);
std::optional<DisruptionView> disruption_view(const nlohmann::json& budget);
std::optional<NamespaceView> namespace_view(const nlohmann::json& name_space);

}  // namespace sidestep::op
