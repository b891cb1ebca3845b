// ReloadPolicy and Reload as JSON objects of the Kubernetes API, and back. Reading is forgiving about unknown
// fields (a newer server may send some) and strict about types; a policy whose spec breaks a rule is read
// with `spec_error` set, since the operator must still be able to say so in its status.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "lib/base/result.h"
#include "lib/base/time_text.h"
#include "operator/api/reload.h"
#include "operator/api/reload_policy.h"

namespace sidestep::api {

Result<ReloadPolicy> policy_from_json(const nlohmann::json& object);
Result<Reload> reload_from_json(const nlohmann::json& object);
Result<ObjectMeta> meta_from_json(const nlohmann::json& object);  // of `object.metadata`

// Every field that the operator owns is written, also empty ones, so that a merge patch removes what is gone.
nlohmann::json status_to_json(const ReloadPolicyStatus& status);
nlohmann::json status_to_json(const ReloadStatus& status);

// A Reload to be created: apiVersion, kind, metadata {name, namespace} and spec.
nlohmann::json new_reload_json(const std::string& name_space, const std::string& name,
                               const ReloadSpec& spec);

std::string_view to_string(ReloadPhase phase);
std::string_view to_string(ConditionStatus status);

using sidestep::parse_time;  // as the API server writes it: "2026-11-23T09:30:00Z"

}  // namespace sidestep::api
