// Judges a pod's spec: is the sidecar there, native and told of the pod's end, does each app stand behind the
// launcher, do the grace periods fit, can the sources of its policies be seen. The one place for these rules:
// `sidestep lint` and `kubectl sidestep lint` say the same.
//
// Looks only: pod_inject.h changes. Pure.
#pragma once

#include <set>
#include <string>
#include <utility>
#include <vector>

#include "lib/policy/document.h"
#include "lib/policy/spec.h"

namespace sidestep::policy {

// docs/contracts.md, "Annotations, labels, names in the cluster".
inline constexpr std::string_view kSidecarContainer = "sidestep";
inline constexpr std::string_view kControlPortName = "sidestep-ctl";
inline constexpr std::string_view kInjectLabel = "sidestep.dev/inject";
inline constexpr std::int64_t kDefaultGraceSeconds = 30;  // Kubernetes' own

// One line of what is wrong: "file:line: place: value: what is wrong; fix".
struct Finding {
  int line = 0;
  std::string place;  // "Deployment/shop: spec.template.spec.initContainers"
  std::string value;  // "" when something is absent
  std::string wrong_and_fix;
  bool is_warning = false;  // it works, and is likely not what was meant

  std::string message() const;  // without file and line
  std::string text(std::string_view file_name) const;
};

struct PodCase {
  const Value* spec = nullptr;  // a PodSpec
  std::string place;            // of it, as in Finding
  bool is_injected_later = false;
  std::vector<std::pair<std::string, const PolicySpec*>> policies =
      {};  // those for this pod, with their names
};

// A pod without a sidecar has one finding: a mistake when a policy is for it, a warning otherwise, and none
// when it is injected later.
std::vector<Finding> judge_pod(const PodCase& pod);

// What judge_pod and injection both ask of a PodSpec.
const Value* find_sidecar(const Value& spec);
const Value* find_variable(const Value& container, std::string_view name);  // its entry in env
bool is_launched(const Value& container);                                   // by sidestep-launch
std::int64_t grace_seconds_of(const Value& spec);
// The ports where clients reach the sidecar: its own besides the control port, and those of SIDESTEP_LISTEN.
std::set<std::int64_t> held_ports(const Value& sidecar);

// The port that this probe of a container asks, as it is written, if it is one of `held`; "" otherwise.
std::string held_port_of(const Value& container, const char* kind, const std::set<std::int64_t>& held);
// Warnings of probes of held ports by containers that are neither the app nor the sidecar; `place` is of the
// PodSpec.
std::vector<Finding> judge_other_probes(const Value& spec, const std::string& place,
                                        const std::set<std::int64_t>& held);

// pod_judge_app.cc: adds what is wrong with the containers of the app. `sidecar` is of the same spec.
void judge_apps(const PodCase& pod, const Value& sidecar, std::vector<Finding>& findings);

}  // namespace sidestep::policy
