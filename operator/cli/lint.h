// kubectl sidestep lint: what is wrong with ReloadPolicies and with the pod templates that they are meant
// for, before anything reaches a cluster. Pure: text in, findings out.
//
// Of pods it checks what no schema can: that the sidecar is there and native, that the app stands behind the
// launcher, that preStop and the grace period let the pod end without a loss, that no kubelet probe goes
// through the proxy, and that the sources of a policy in the same text can be seen by the pod.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "lib/policy/document.h"
#include "lib/policy/spec.h"

namespace sidestep::op::cli {

struct LintInput {
  std::string file_name;
  std::string text;  // may hold several documents
};

// Each "file:line: place: value: what is wrong; fix". A policy is held against its workload in whichever file
// it is.
std::vector<std::string> lint(const std::vector<LintInput>& inputs);

// One line of the findings.
struct Finding {
  int line = 0;
  std::string place;  // "Deployment/shop: spec.template.spec.initContainers"
  std::string value;  // "" when something is absent
  std::string wrong_and_fix;
};

// lint_pod.cc. `spec` is a PodSpec. `policy`: of the same text, for this workload; may be null.
std::vector<Finding> lint_pod(const policy::Value& spec, const std::string& place,
                              const policy::PolicySpec* policy);

// Along a path such as "metadata.name"; null when any part is absent.
const policy::Value* at_path(const policy::Value& map, std::string_view path);
std::string text_at(const policy::Value& map, std::string_view path);

}  // namespace sidestep::op::cli
