// Puts the sidecar into a pod template: what `kubectl sidestep inject` and the operator's webhook do. Pure:
// the template and what is known of its policy in, the changed template or the reasons against it out.
//
// The app's ports keep their numbers, names and host ports, so that Services stay as they are: the sidecar
// listens there, and the app is started by the launcher with another port in $PORT and {port}. Kubelet probes
// of that port become the generation's readiness. A template that has a sidecar comes back as it was.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/policy/document.h"
#include "lib/policy/pod_judge.h"
#include "lib/policy/spec.h"

namespace sidestep::policy {

// On the pod template; docs/contracts.md.
inline constexpr std::string_view kContainerAnnotation = "sidestep.dev/container";
inline constexpr std::string_view kPortAnnotation = "sidestep.dev/port";
inline constexpr std::string_view kControlPortAnnotation = "sidestep.dev/control-port";
inline constexpr std::string_view kAppProtocolAnnotation = "sidestep.dev/app-protocol";

struct InjectSettings {
  std::string image = "sidestep.dev/sidecar:" SIDESTEP_VERSION;
  std::string place;                   // of the template, as in Workload
  const PolicySpec* policy = nullptr;  // that is for these pods, if one is known
  std::string policy_name = {};
  // A policy that asks less than the app's own probe is a warning and no refusal: for the webhook, which must
  // not keep pods from starting for that.
  bool admits_weaker_probe = false;
  // The same for a source that the policy pins and that cannot be pinned in this pod: it stays Live.
  bool admits_unpinned = false;
};

struct Injection {
  std::optional<Value> pod_template;  // absent: refused
  bool is_changed = false;
  std::vector<Finding> refusals;  // each with the line to add
  std::vector<Finding> warnings;  // likely not what was meant
  std::vector<Finding> notes;     // what a person should know of the result
};

// `pod_template` has metadata and spec. Its status and everything that is not named here stays as it is.
Injection inject_pod(const Value& pod_template, const InjectSettings& settings);

}  // namespace sidestep::policy
