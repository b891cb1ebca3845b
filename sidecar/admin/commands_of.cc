#include "sidecar/admin/commands_of.h"

#include "sidecar/config/option_values.h"

namespace sidestep::sidecar {

Result<ReloadCommand> reload_command(const wire::ReloadRequest& request) {
  ReloadCommand command;
  command.id = request.id;
  command.token = request.token;
  command.reason = request.reason;
  command.requested_by = request.requested_by;
  command.policy_uid = request.policy_uid;
  command.command = request.command;
  command.env = request.env;
  command.force = request.force;
  command.managed = request.managed;
  if (!request.attach.empty()) {
    Result<AppAddress> address = parse_attach(request.attach);
    if (!address) return invalid("attach: \"" + request.attach + "\": " + address.error().detail);
    command.attach = *std::move(address);
  }
  for (const wire::Step& step : request.steps) {
    command.steps.push_back({policy::PodAmount{}, step.weight_per_ten_thousand, Seconds(step.pause_seconds)});
  }
  if (request.deadline_seconds > 0) command.deadline = Seconds(request.deadline_seconds);
  return command;
}

Result<PolicyCommand> policy_command(std::string_view text, const std::string& policy_uid) {
  Result<policy::PolicySpec> spec = policy::parse_policy(text, "policy");
  if (!spec) return spec.error();
  PolicyCommand command;
  command.json = policy::policy_to_json(*spec);
  command.spec = *std::move(spec);
  command.policy_uid = policy_uid;
  return command;
}

}  // namespace sidestep::sidecar
