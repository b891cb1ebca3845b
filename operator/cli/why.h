// Why a policy's pods are not being reloaded, or what a reload waits for, in plain words: from what the
// operator has written into the objects, and nothing else. Pure.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "operator/api/reload.h"
#include "operator/api/reload_policy.h"

namespace sidestep::op::cli {

// One sentence a line, the nearest cause first; never empty.
std::string why_text(const api::ReloadPolicy& policy, const std::vector<api::Reload>& reloads);

// The policy that steers the pod (a v1 Pod), or null: by its labels, or by the workload that owns it. Of
// several the oldest, as the operator decides.
const api::ReloadPolicy* policy_of_pod(const nlohmann::json& pod,
                                       const std::vector<api::ReloadPolicy>& policies);

// What the pod itself, or its part in the policy's newest Reload, adds to why_text; "" when nothing.
std::string why_pod_text(const nlohmann::json& pod, const std::vector<api::Reload>& reloads);

}  // namespace sidestep::op::cli
