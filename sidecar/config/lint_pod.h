// The rules of `sidestep lint` for one pod template. Pure; used by lint.cc alone.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/clock.h"
#include "lib/policy/document.h"
#include "sidecar/config/lint.h"

namespace sidestep::sidecar {

// One workload of a manifest.
struct Workload {
  std::string file;
  std::string kind;
  std::string name;
  const policy::Value* pod = nullptr;  // its pod's spec
  std::string place;                   // of that spec, for instance "spec.template.spec"
};

// The member of a map, or nullptr; a field that is null is absent.
const policy::Value* member(const policy::Value* map, std::string_view name);
std::string text_of(const policy::Value* value);

// A pod without a sidecar has no findings.
void lint_pod(const Workload& workload, Findings& findings);

// `grace` is what the policy named `policy` reckons with.
void lint_grace(const Workload& workload, const std::string& policy, Seconds grace, Findings& findings);

}  // namespace sidestep::sidecar
