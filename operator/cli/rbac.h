// The Roles that let the operator read the ConfigMaps and Secrets that a policy names, and nothing else.
// Pure.
#pragma once

#include <string>

#include "operator/api/reload_policy.h"

namespace sidestep::op::cli {

struct OperatorAccount {
  std::string name_space = "sidestep-system";
  std::string name = "sidestep-operator";
};

// YAML for kubectl apply: a Role and its binding in the policy's namespace; empty when the policy names no
// source.
std::string rbac_yaml(const api::ReloadPolicy& policy, const OperatorAccount& account);

}  // namespace sidestep::op::cli
