#include "operator/io/sidecar_actions.h"

#include <nlohmann/json.hpp>

#include "lib/policy/spec.h"

namespace sidestep::op {
namespace {

using Json = nlohmann::json;

// Weights are sent at every look; one that hangs must not hold up the next.
constexpr Millis kWeightAtMost{1'000};

struct ToCommand {
  const Observed& observed;

  std::optional<SidecarCommand> operator()(const SidecarPolicy& action) const {
    if (!observed.policy) return std::nullopt;
    policy::PolicySpec spec = observed.policy->spec;
    spec.guards = {};  // of the operator alone: a sidecar of an older version would not know all of them
    spec.analysis.metrics.clear();  // of the operator alone: a pod need not know whom it asks
    spec.analysis.webhooks.clear();
    return SidecarCommand{action.pod, "/v1/policy?policyUid=" + observed.policy->meta.uid,
                          policy::policy_to_json(spec), action.id};
  }
  std::optional<SidecarCommand> operator()(const SidecarReload& action) const {
    const Json body = {{"id", action.id},
                       {"token", action.token},
                       {"reason", action.reason},
                       {"requestedBy", action.requested_by},
                       {"managed", true},
                       {"deadlineSeconds", action.deadline.count()},
                       {"policyUid", observed.policy ? observed.policy->meta.uid : ""}};
    return SidecarCommand{action.pod, "/v1/reload", body.dump(), action.id};
  }
  std::optional<SidecarCommand> operator()(const SidecarWeight& action) const {
    const Json body = {{"reload", action.id}, {"weightPerTenThousand", action.weight_per_ten_thousand}};
    return SidecarCommand{action.pod, "/v1/weight", body.dump(), action.id, kWeightAtMost};
  }
  std::optional<SidecarCommand> operator()(const SidecarPromote& action) const {
    Json body = {{"reload", action.id}};
    if (action.force) body["force"] = true;
    return SidecarCommand{action.pod, "/v1/promote", body.dump(), action.id};
  }
  std::optional<SidecarCommand> operator()(const SidecarAbort& action) const {
    const Json body = {{"reload", action.id}, {"reason", action.reason}};
    return SidecarCommand{action.pod, "/v1/abort", body.dump(), action.id};
  }
  template <typename Other>
  std::optional<SidecarCommand> operator()(const Other&) const {
    return std::nullopt;
  }
};

}  // namespace

std::optional<SidecarCommand> command_of(const Action& action, const Observed& observed) {
  return std::visit(ToCommand{observed}, action);
}

CommandVerdict verdict_of(const SidecarReply& reply, const SidecarCommand& command) {
  if (reply.status / 100 == 2) return {};
  const SidecarError error = sidecar_error_from_text(reply.body);
  const std::string detail = command.path + ": " + std::to_string(reply.status) + ": " + error.message;
  if (reply.status == 409) return {Applied::kAgain, detail, std::nullopt};
  if (reply.status == 401 || reply.status == 429 || reply.status >= 500)
    return {Applied::kLater, detail, std::nullopt};
  return {Applied::kAgain, detail, CommandRefusal{command.reload_id, error.message}};
}

}  // namespace sidestep::op
