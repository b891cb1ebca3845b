// Bodies of calls: what the command line and the operator send.
#include "sidecar/admin/wire.h"
#include "sidecar/admin/wire_fields.h"

namespace sidestep::sidecar::wire {
namespace {

constexpr int kWholeWeight = 10'000;
constexpr std::size_t kMostSteps = 20;
constexpr std::int64_t kMostPause = 86'400;

void add(Json& json, const char* name, const std::string& text) {
  if (!text.empty()) json[name] = text;
}

using Mistakes = std::vector<std::string>;

void check_range(const std::string& place, std::int64_t value, std::int64_t least, std::int64_t most,
                 Mistakes& mistakes) {
  if (value >= least && value <= most) return;
  mistakes.push_back(place + ": " + std::to_string(value) + ": out of range; write " + std::to_string(least) +
                     " to " + std::to_string(most));
}

std::vector<Step> read_steps(const Json& list, Mistakes& mistakes) {
  std::vector<Step> steps;
  if (!list.is_array() || list.empty() || list.size() > kMostSteps) {
    mistakes.push_back("steps: not a list of 1 to " + std::to_string(kMostSteps) + " steps");
    return steps;
  }
  for (const Json& item : list) {
    const std::string place = "steps[" + std::to_string(steps.size()) + "]";
    Fields fields(item, place, mistakes);
    Step& step = steps.emplace_back();
    fields.find("pods");  // the operator's business
    fields.read("weightPerTenThousand", step.weight_per_ten_thousand);
    fields.read("pauseSeconds", step.pause_seconds);
    fields.refuse_unknown();
    check_range(place + ".weightPerTenThousand", step.weight_per_ten_thousand, 1, kWholeWeight, mistakes);
    check_range(place + ".pauseSeconds", step.pause_seconds, 0, kMostPause, mistakes);
  }
  return steps;
}

}  // namespace

std::string write(const ReloadRequest& r) {
  Json json = Json::object();
  add(json, "id", r.id);
  add(json, "token", r.token);
  add(json, "reason", r.reason);
  add(json, "requestedBy", r.requested_by);
  add(json, "policyUid", r.policy_uid);
  add(json, "attach", r.attach);
  if (!r.command.empty()) json["command"] = r.command;
  for (const auto& [key, value] : r.env) json["env"][key] = value;
  if (r.force) json["force"] = true;
  if (r.managed) json["managed"] = true;
  for (const Step& step : r.steps) {
    json["steps"].push_back(
        {{"weightPerTenThousand", step.weight_per_ten_thousand}, {"pauseSeconds", step.pause_seconds}});
  }
  if (r.deadline_seconds != 0) json["deadlineSeconds"] = r.deadline_seconds;
  return dump(json);
}

Result<ReloadRequest> read_reload_request(std::string_view text, Unknown unknown) {
  const Result<Json> json = parse_json(text);
  if (!json) return json.error();
  Mistakes mistakes;
  ReloadRequest r;
  Fields fields(*json, "", mistakes);
  fields.read("id", r.id);
  fields.read("token", r.token);
  fields.read("reason", r.reason);
  fields.read("requestedBy", r.requested_by);
  fields.read("policyUid", r.policy_uid);
  fields.read("command", r.command);
  fields.read("env", r.env);
  fields.read("attach", r.attach);
  fields.read("force", r.force);
  fields.read("managed", r.managed);
  if (const Json* steps = fields.find("steps")) r.steps = read_steps(*steps, mistakes);
  fields.read("deadlineSeconds", r.deadline_seconds);
  check_range("deadlineSeconds", r.deadline_seconds, 0, kMostPause, mistakes);
  if (!r.attach.empty() && !r.command.empty())
    mistakes.push_back("attach: given together with command; leave one of the two out");
  if (unknown == Unknown::kRefuse) fields.refuse_unknown();
  if (!mistakes.empty()) return as_error(mistakes);
  return r;
}

std::string write(const SteerRequest& r) {
  Json json = Json::object();
  add(json, "reload", r.reload);
  add(json, "reason", r.reason);
  if (r.force) json["force"] = true;
  if (r.weight_per_ten_thousand) json["weightPerTenThousand"] = *r.weight_per_ten_thousand;
  return dump(json);
}

Result<SteerRequest> read_steer_request(std::string_view text, Unknown unknown) {
  const Result<Json> json = parse_json(text);
  if (!json) return json.error();
  Mistakes mistakes;
  SteerRequest r;
  Fields fields(*json, "", mistakes);
  fields.read("reload", r.reload);
  fields.read("reason", r.reason);
  fields.read("force", r.force);
  if (fields.find("weightPerTenThousand") != nullptr) {
    r.weight_per_ten_thousand = 0;
    fields.read("weightPerTenThousand", *r.weight_per_ten_thousand);
    check_range("weightPerTenThousand", *r.weight_per_ten_thousand, 0, kWholeWeight, mistakes);
  }
  if (unknown == Unknown::kRefuse) fields.refuse_unknown();
  if (!mistakes.empty()) return as_error(mistakes);
  return r;
}

std::string write_outcome(const Outcome& outcome) {
  return dump({{"reload", outcome.reload},
               {"phase", outcome.phase},
               {"reason", outcome.reason},
               {"message", outcome.message}});
}

std::string write(const UpgradeRequest& r) {
  Json json = Json::object();
  if (!r.options.empty()) json["options"] = r.options;
  return dump(json);
}

Result<UpgradeRequest> read_upgrade_request(std::string_view text) {
  const Result<Json> json = parse_json(text);
  if (!json) return json.error();
  Mistakes mistakes;
  UpgradeRequest r;
  Fields fields(*json, "", mistakes);
  fields.read("options", r.options);
  fields.refuse_unknown();
  if (!mistakes.empty()) return as_error(mistakes);
  return r;
}

std::string write_upgrade_answer(std::uint64_t upgrade) { return dump({{"upgrade", upgrade}}); }

Result<std::uint64_t> read_upgrade_answer(std::string_view text) {
  const Result<Json> json = parse_json(text);
  if (!json) return json.error();
  Mistakes mistakes;
  std::uint64_t upgrade = 0;
  Fields fields(*json, "", mistakes);
  fields.read("upgrade", upgrade);
  if (!mistakes.empty()) return as_error(mistakes);
  return upgrade;
}

std::string write_reload_answer(const std::string& reload) { return dump({{"reload", reload}}); }

Result<std::string> read_reload_answer(std::string_view text) {
  const Result<Json> json = parse_json(text);
  if (!json) return json.error();
  Mistakes mistakes;
  std::string reload;
  Fields fields(*json, "", mistakes);
  fields.read("reload", reload);
  if (!mistakes.empty()) return as_error(mistakes);
  return reload;
}

}  // namespace sidestep::sidecar::wire
