// What the operator keeps of pods, workloads and namespaces: a few hundred bytes of each. Pure functions from
// the objects' JSON.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>

#include "lib/base/clock.h"
#include "operator/io/selector.h"

namespace sidestep::op {

inline constexpr const char* kSidecarContainer = "sidestep";
inline constexpr const char* kControlPortName = "sidestep-ctl";

struct PodView {
  std::string name, name_space, uid;
  Labels labels;
  WallTime creation_time{};
  bool is_ready = false;
  bool is_terminating = false;  // deletionTimestamp, or phase Succeeded or Failed
  std::string ip;
  std::uint16_t control_port = 0;  // 0: no sidecar
  std::string probe_through_proxy;
  std::string refresh;
  std::string node, zone;
  bool mounts_config = false;  // a ConfigMap or Secret, other than the sidecar's own and the account's
  bool operator==(const PodView&) const = default;

  std::string template_hash() const;
};

struct WorkloadView {
  std::string kind, name, name_space, uid;
  std::string reload_token;
  Selector selector;
  std::string template_hash;  // StatefulSet: status.updateRevision; others "" (worked out from the pods)
  int replicas = 0;
  bool is_rolling_out = false;
  int partition = 0;
  bool operator==(const WorkloadView&) const = default;
};

struct NamespaceView {
  bool is_terminating = false;
  bool operator==(const NamespaceView&) const = default;
};

std::optional<PodView> pod_view(const nlohmann::json& pod);
// `kind` is given, since items of a list carry none.
std::optional<WorkloadView> workload_view(const nlohmann::json& workload, const std::string& kind);
std::optional<NamespaceView> namespace_view(const nlohmann::json& name_space);

}  // namespace sidestep::op
