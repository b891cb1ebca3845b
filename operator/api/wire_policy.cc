#include "lib/policy/spec.h"
#include "operator/api/read.h"

namespace sidestep::api {
namespace {

ReloadPolicyStatus read_policy_status(const nlohmann::json& from) {
  ReloadPolicyStatus status;
  status.observed_generation = get<std::int64_t>(from, "observedGeneration");
  status.handled_tokens = get<std::vector<std::string>>(from, "handledTokens");
  status.target_uid = get<std::string>(from, "targetUID");
  status.last_reload = get<std::string>(from, "lastReload");
  status.desired_hash = get<std::string>(from, "desiredHash");
  status.applied_hash = get<std::string>(from, "appliedHash");
  status.previous_hash = get<std::string>(from, "previousHash");
  status.attempted_hash = get<std::string>(from, "attemptedHash");
  status.last_schedule_time = time_of(from, "lastScheduleTime");
  status.pinned_sources = get<std::vector<std::string>>(from, "pinnedSources");
  status.pods = read_counts(from);
  status.conditions = read_conditions(from);
  return status;
}

}  // namespace

Result<ObjectMeta> meta_from_json(const nlohmann::json& object) {
  try {
    return read_meta(object);
  } catch (const nlohmann::json::exception& error) {
    return wrong_type(object, error);
  }
}

Result<ReloadPolicy> policy_from_json(const nlohmann::json& object) {
  try {
    ReloadPolicy policy;
    policy.meta = read_meta(object);
    policy.status = read_policy_status(part(object, "status"));
    auto spec = policy::parse_policy(part(object, "spec").dump(), policy.meta.name);
    if (spec)
      policy.spec = std::move(*spec);
    else
      policy.spec_error = spec.error().detail;
    return policy;
  } catch (const nlohmann::json::exception& error) {
    return wrong_type(object, error);
  }
}

nlohmann::json status_to_json(const ReloadPolicyStatus& status) {
  return {{"observedGeneration", status.observed_generation},
          {"handledTokens", status.handled_tokens},
          {"targetUID", status.target_uid},
          {"lastReload", status.last_reload},
          {"desiredHash", status.desired_hash},
          {"appliedHash", status.applied_hash},
          {"previousHash", status.previous_hash},
          {"attemptedHash", status.attempted_hash},
          {"lastScheduleTime", time_json(status.last_schedule_time)},
          {"pinnedSources", status.pinned_sources},
          {"pods", counts_json(status.pods)},
          {"conditions", conditions_json(status.conditions)}};
}

}  // namespace sidestep::api
