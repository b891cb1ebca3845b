#include "operator/io/views.h"

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>
#include <set>

#include "lib/k8s/json_fields.h"
#include "lib/policy/pins.h"
#include "lib/policy/pod_judge.h"
#include "operator/api/object.h"
#include "operator/api/reloader.h"
#include "operator/api/wire.h"
#include "operator/io/fixed_uses.h"

namespace sidestep::op {
namespace {

using Json = nlohmann::json;
using k8s::field;
using k8s::text_field;
using policy::kControlPortName;
using policy::kSidecarContainer;

int number(const Json& object, const char* key, int otherwise) {
  const Json& value = field(object, key);
  return value.is_number_integer() ? value.get<int>() : otherwise;
}

Labels labels_of(const Json& metadata) {
  Labels labels;
  const Json& found = field(metadata, "labels");
  if (!found.is_object()) return labels;
  for (const auto& [key, value] : found.items())
    if (value.is_string()) labels.emplace(key, value.get<std::string>());
  return labels;
}

const Json* find_container(const Json& spec, std::string_view name) {
  for (const char* list : {"initContainers", "containers"})
    for (const Json& container : field(spec, list))
      if (text_field(container, "name") == name) return &container;
  return nullptr;
}

// The ports that clients' connections come to: those the sidecar declares, and those of SIDESTEP_LISTEN.
std::set<int> proxy_ports(const Json& sidecar) {
  std::set<int> ports;
  for (const Json& port : field(sidecar, "ports"))
    if (text_field(port, "name") != kControlPortName) ports.insert(number(port, "containerPort", 0));
  for (const Json& variable : field(sidecar, "env")) {
    if (text_field(variable, "name") != "SIDESTEP_LISTEN") continue;
    std::string rest = text_field(variable, "value");
    for (auto colon = rest.find(':'); colon != rest.npos; colon = rest.find(':', colon + 1)) {
      int port = 0;
      std::from_chars(rest.data() + colon + 1, rest.data() + rest.size(), port);
      if (port > 0) ports.insert(port);
    }
  }
  return ports;
}

// The number of a probe's port, by number or by the name of one of the container's ports; 0: no port.
int probe_port(const Json& probe, const Json& container) {
  for (const char* kind : {"httpGet", "tcpSocket", "grpc"}) {
    const Json& port = field(field(probe, kind), "port");
    if (port.is_number_integer()) return port.get<int>();
    if (!port.is_string()) continue;
    for (const Json& named : field(container, "ports"))
      if (text_field(named, "name") == port.get<std::string>()) return number(named, "containerPort", 0);
  }
  return 0;
}

std::string probe_through_proxy(const Json& spec, const std::set<int>& ports) {
  for (const Json& container : field(spec, "containers")) {
    if (text_field(container, "name") == kSidecarContainer) continue;
    for (const char* kind : {"livenessProbe", "readinessProbe", "startupProbe"}) {
      const int port = probe_port(field(container, kind), container);
      if (ports.contains(port))
        return "container " + text_field(container, "name") + ": " + kind + " on port " +
               std::to_string(port);
    }
  }
  return {};
}

bool has_config(const Json& volume) {
  const bool is_trust = text_field(field(volume, "configMap"), "name") == "sidestep-trust";
  if (volume.contains("secret") || (volume.contains("configMap") && !is_trust)) return true;
  // Every pod has one of these for its account, with the cluster's CA in it.
  if (text_field(volume, "name").starts_with("kube-api-access-")) return false;
  for (const Json& source : field(field(volume, "projected"), "sources"))
    if (source.contains("configMap") || source.contains("secret")) return true;
  return false;
}

bool mounts_config(const Json& spec) {
  const Json& volumes = field(spec, "volumes");
  return std::any_of(volumes.begin(), volumes.end(), has_config);
}

// A pod that is being deleted still lives: its app may read them until it ends.
std::vector<std::string> mounted_copies(const Json& spec) {
  std::vector<std::string> copies;
  const auto add = [&](const char* kind, const std::string& name) {
    if (policy::is_copy_name(name)) copies.push_back(std::string(kind) + "/" + name);
  };
  const auto add_of = [&](const Json& volume) {
    add("ConfigMap", text_field(field(volume, "configMap"), "name"));
    const Json& secret = field(volume, "secret");
    add("Secret", text_field(secret, secret.contains("secretName") ? "secretName" : "name"));
  };
  for (const Json& volume : field(spec, "volumes")) {
    add_of(volume);
    for (const Json& source : field(field(volume, "projected"), "sources")) add_of(source);
  }
  return copies;
}

bool has_condition(const Json& status, const char* type) {
  for (const Json& condition : field(status, "conditions"))
    if (text_field(condition, "type") == type) return text_field(condition, "status") == "True";
  return false;
}

std::string annotation(const Json& metadata, const char* key) {
  return text_field(field(metadata, "annotations"), key);
}

std::uint16_t control_port(const Json& sidecar) {
  for (const Json& port : field(sidecar, "ports"))
    if (text_field(port, "name") == kControlPortName)
      return static_cast<std::uint16_t>(number(port, "containerPort", 0));
  return 0;
}

int partition_of(const Json& spec) {
  return number(field(field(spec, "updateStrategy"), "rollingUpdate"), "partition", 0);
}

bool is_rolling_out(const Json& workload, const std::string& kind, int replicas) {
  const Json& spec = field(workload, "spec");
  const Json& status = field(workload, "status");
  const char* strategy = kind == "Deployment" ? "strategy" : "updateStrategy";
  if (text_field(field(spec, strategy), "type") == "OnDelete") return false;
  if (number(status, "observedGeneration", 0) < number(field(workload, "metadata"), "generation", 0))
    return true;
  if (kind == "DaemonSet")
    return number(status, "updatedNumberScheduled", 0) < number(status, "desiredNumberScheduled", 0);
  if (kind == "StatefulSet") {
    // With a partition the two revisions stay apart for good.
    const int partition = partition_of(spec);
    const bool differs = text_field(status, "updateRevision") != text_field(status, "currentRevision");
    return differs && (partition == 0 || number(status, "updatedReplicas", 0) < replicas - partition);
  }
  return number(status, "updatedReplicas", 0) < std::max(replicas, number(status, "replicas", 0));
}

}  // namespace

SharedLabels LabelPool::share(const SharedLabels& labels) {
  if (known_.size() >= sweep_at_) {
    std::erase_if(known_, [](const auto& each) { return each.use_count() == 1; });
    sweep_at_ = std::max<std::size_t>(1024, 2 * known_.size());
  }
  return SharedLabels(*known_.insert(labels.pointer()).first);
}

std::string PodView::template_hash() const {
  for (const char* key : {"pod-template-hash", "controller-revision-hash"})
    if (const auto found = labels->find(key); found != labels->end()) return found->second;
  return {};
}

std::optional<PodView> pod_view(const Json& pod) {
  const Json& metadata = field(pod, "metadata");
  const Json& status = field(pod, "status");
  PodView view;
  view.name = text_field(metadata, "name");
  view.name_space = text_field(metadata, "namespace");
  view.uid = text_field(metadata, "uid");
  if (view.name.empty()) return std::nullopt;
  view.labels = labels_of(metadata);
  view.creation_time = api::parse_time(text_field(metadata, "creationTimestamp")).value_or(WallTime{});
  const std::string phase = text_field(status, "phase");
  view.is_terminating =
      !text_field(metadata, "deletionTimestamp").empty() || phase == "Succeeded" || phase == "Failed";
  view.is_ready = has_condition(status, "Ready");
  view.ip = text_field(status, "podIP");
  view.mounts_config = mounts_config(field(pod, "spec"));
  if (phase != "Succeeded" && phase != "Failed") view.copies = mounted_copies(field(pod, "spec"));
  view.refresh = annotation(metadata, api::kRefreshAnnotation);
  view.reload_token = annotation(metadata, api::kReloadAnnotation);
  view.handled_token = annotation(metadata, api::kHandledAnnotation);
  view.node = text_field(field(pod, "spec"), "nodeName");
  if (const auto zone = view.labels->find("topology.kubernetes.io/zone"); zone != view.labels->end())
    view.zone = zone->second;
  if (const Json* sidecar = find_container(field(pod, "spec"), kSidecarContainer)) {
    view.control_port = control_port(*sidecar);
    view.fixed_uses = fixed_uses(field(pod, "spec"));
    view.probe_through_proxy = probe_through_proxy(field(pod, "spec"), proxy_ports(*sidecar));
  }
  return view;
}

std::optional<WorkloadView> workload_view(const Json& workload, const std::string& kind) {
  const Json& metadata = field(workload, "metadata");
  const Json& spec = field(workload, "spec");
  const Json& status = field(workload, "status");
  WorkloadView view;
  view.kind = kind;
  view.name = text_field(metadata, "name");
  view.name_space = text_field(metadata, "namespace");
  view.uid = text_field(metadata, "uid");
  view.reload_token = annotation(metadata, api::kReloadAnnotation);
  view.template_token = annotation(field(field(spec, "template"), "metadata"), api::kReloadAnnotation);
  view.reloader_sources = api::reloader_sources(workload);
  view.selector = selector_from_json(field(spec, "selector"));
  view.replicas =
      kind == "DaemonSet" ? number(status, "desiredNumberScheduled", 0) : number(spec, "replicas", 1);
  if (kind == "StatefulSet") {
    view.template_hash = text_field(status, "updateRevision");
    view.partition = partition_of(spec);
  }
  view.is_rolling_out = is_rolling_out(workload, kind, view.replicas);
  return view;
}

// policy/v1: an empty selector covers every pod of the namespace, an absent one none.
std::optional<DisruptionView> disruption_view(const Json& budget) {
  const Json& metadata = field(budget, "metadata");
  const Json& spec = field(budget, "spec");
  const Json& status = field(budget, "status");
  DisruptionView view;
  view.name = text_field(metadata, "name");
  if (view.name.empty()) return std::nullopt;
  const Json& selector = field(spec, "selector");
  view.selector = selector_from_json(selector);
  view.matches_all = selector.is_object() && view.selector.all.empty();
  view.allowed = number(status, "disruptionsAllowed", 0);
  view.is_known = number(status, "observedGeneration", 0) >= number(metadata, "generation", 0);
  return view;
}

std::optional<NamespaceView> namespace_view(const Json& name_space) {
  return NamespaceView{!text_field(field(name_space, "metadata"), "deletionTimestamp").empty()};
}

}  // namespace sidestep::op
