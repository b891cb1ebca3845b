// One-line builders of what the operator observes, with values that a healthy cluster would show. Tests
// change the one thing they are about.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "operator/core/observed.h"

namespace sidestep::op::build {

inline constexpr const char* kPolicyUid = "policy-uid";
inline constexpr const char* kHash = "hash-1";

inline WallTime at(int seconds) { return WallTime{} + Seconds(1'700'000'000 + seconds); }

inline api::ObjectMeta meta(std::string name, std::string uid) {
  api::ObjectMeta meta;
  meta.name = std::move(name);
  meta.name_space = "prod";
  meta.uid = std::move(uid);
  meta.generation = 1;
  meta.creation_time = at(-1000);
  return meta;
}

// Visited before, so that a token in its annotation is new.
inline api::ReloadPolicy policy(std::string name = "shop") {
  api::ReloadPolicy policy;
  policy.meta = meta(name, kPolicyUid);
  policy.spec.target_ref = policy::TargetRef{"apps/v1", "Deployment", std::move(name)};
  policy.status.observed_generation = 1;
  policy.status.target_uid = "workload-uid";
  return policy;
}

inline ObservedWorkload workload(int replicas) {
  return {"Deployment", "shop", "workload-uid", "", kHash, replicas, false};
}

inline SidecarStatus sidecar() { return {"0.1.0", "boot-1", {}, {1, 100, 0}, std::nullopt, std::nullopt}; }

inline ObservedPod pod(const std::string& name) {
  ObservedPod pod;
  pod.name = name;
  pod.uid = "uid-of-" + name;
  pod.template_hash = kHash;
  pod.creation_time = at(-900);
  pod.is_ready = true;
  pod.has_sidecar = true;
  pod.reach = Reach::kReachable;
  pod.sidecar = sidecar();
  return pod;
}

inline std::vector<ObservedPod> pods(int count) {
  std::vector<ObservedPod> pods;
  for (int i = 1; i <= count; ++i) pods.push_back(pod("shop-" + std::to_string(i)));
  return pods;
}

inline Observed observed(int replicas = 3) {
  Observed observed;
  observed.name_space = "prod";
  observed.policy_name = "shop";
  observed.policy = policy();
  observed.workload = workload(replicas);
  observed.pods = pods(replicas);
  observed.operator_version = "0.1.0";
  return observed;
}

inline api::Reload reload(const std::string& name, const std::string& token = "t", WallTime created = at(0)) {
  api::Reload reload;
  reload.meta = meta(name, "uid-of-" + name);
  reload.meta.creation_time = created;
  reload.spec = {"shop", token, ""};
  return reload;
}

inline api::Reload ended(const std::string& name, api::ReloadPhase phase, WallTime end,
                         const std::string& token = "t") {
  api::Reload ended = reload(name, token);
  ended.status.phase = phase;
  ended.status.start_time = end - Seconds(10);
  ended.status.end_time = end;
  return ended;
}

inline policy::RolloutStep step(policy::PodAmount pods, int weight, int pause_seconds = 0) {
  return {pods, weight, Seconds(pause_seconds)};
}
inline policy::PodAmount percent(int value) { return {value, true}; }
inline policy::PodAmount count(int value) { return {value, false}; }

}  // namespace sidestep::op::build
