#include <array>

#include "operator/api/read.h"

namespace sidestep::api {
namespace {

using Json = nlohmann::json;

struct PhaseName {
  ReloadPhase phase;
  std::string_view name;
};
constexpr std::array<PhaseName, 7> kPhases{{{ReloadPhase::kPending, "Pending"},
                                            {ReloadPhase::kProgressing, "Progressing"},
                                            {ReloadPhase::kPaused, "Paused"},
                                            {ReloadPhase::kRollingBack, "RollingBack"},
                                            {ReloadPhase::kSucceeded, "Succeeded"},
                                            {ReloadPhase::kFailed, "Failed"},
                                            {ReloadPhase::kAborted, "Aborted"}}};

ReloadPhase phase_of(const std::string& name, ReloadPhase otherwise) {
  for (const PhaseName& each : kPhases) {
    if (each.name == name) return each.phase;
  }
  return otherwise;
}

struct ContentName {
  ReloadContent content;
  std::string_view name;
};
constexpr std::array<ContentName, 3> kContents{{{ReloadContent::kSource, "Source"},
                                                {ReloadContent::kKept, "Kept"},
                                                {ReloadContent::kPrevious, "Previous"}}};

ReloadContent content_of(const std::string& name) {
  for (const ContentName& each : kContents) {
    if (each.name == name) return each.content;
  }
  return ReloadContent::kSource;
}

Receipt read_receipt(const Json& from) {
  Receipt receipt;
  receipt.active_requests = get<std::int64_t>(part(from, "requests"), "active");
  receipt.candidate_requests = get<std::int64_t>(part(from, "requests"), "candidate");
  receipt.held = get<std::int64_t>(from, "held");
  receipt.retried = get<std::int64_t>(from, "retried");
  receipt.failed = get<std::int64_t>(from, "failed");
  receipt.longest_hold_ms = get<std::int64_t>(from, "longestHoldMs");
  receipt.connections_cut = get<std::int64_t>(from, "connectionsCut");
  receipt.duration_ms = get<std::int64_t>(from, "durationMs");
  return receipt;
}

Json receipt_json(const Receipt& receipt) {
  return {{"requests", {{"active", receipt.active_requests}, {"candidate", receipt.candidate_requests}}},
          {"held", receipt.held},
          {"retried", receipt.retried},
          {"failed", receipt.failed},
          {"longestHoldMs", receipt.longest_hold_ms},
          {"connectionsCut", receipt.connections_cut},
          {"durationMs", receipt.duration_ms}};
}

std::vector<ReloadStep> read_steps(const Json& from_list) {
  std::vector<ReloadStep> steps;
  for (const Json& from : from_list) {
    steps.push_back({get<int>(from, "pods"), get<int>(from, "weightPerTenThousand"),
                     time_of(from, "startTime"), time_of(from, "reachedTime"), time_of(from, "endTime"),
                     get<std::string>(from, "verdict")});
  }
  return steps;
}

Json steps_json(const std::vector<ReloadStep>& steps) {
  Json out = Json::array();
  for (const ReloadStep& step : steps) {
    Json item{{"pods", step.pods}, {"weightPerTenThousand", step.weight_per_ten_thousand}};
    put_time(item, "startTime", step.start_time);
    put_time(item, "reachedTime", step.reached_time);
    put_time(item, "endTime", step.end_time);
    if (!step.verdict.empty()) item["verdict"] = step.verdict;
    out.push_back(std::move(item));
  }
  return out;
}

std::vector<FailedPod> read_failed(const Json& from_list) {
  std::vector<FailedPod> pods;
  for (const Json& from : from_list) {
    pods.push_back({get<std::string>(from, "name"), get<int>(from, "generation"),
                    get<std::string>(from, "reason"), get<std::string>(from, "message")});
  }
  return pods;
}

Json failed_json(const std::vector<FailedPod>& pods) {
  Json out = Json::array();
  for (const FailedPod& pod : pods) {
    out.push_back({{"name", pod.name},
                   {"generation", pod.generation},
                   {"reason", pod.reason},
                   {"message", pod.message}});
  }
  return out;
}

std::vector<MetricState> read_metrics(const Json& from_list) {
  std::vector<MetricState> metrics;
  for (const Json& from : from_list) {
    metrics.push_back({get<std::string>(from, "name"), get<std::string>(from, "verdict"),
                       get<std::string>(from, "value"), get<std::string>(from, "message"),
                       get<int>(from, "measurements"), get<int>(from, "failures"), time_of(from, "time")});
  }
  return metrics;
}

Json metrics_json(const std::vector<MetricState>& metrics) {
  Json out = Json::array();
  for (const MetricState& metric : metrics) {
    Json item{
        {"name", metric.name},       {"verdict", metric.verdict},           {"value", metric.value},
        {"message", metric.message}, {"measurements", metric.measurements}, {"failures", metric.failures}};
    put_time(item, "time", metric.time);
    out.push_back(std::move(item));
  }
  return out;
}

std::vector<WebhookState> read_webhooks(const Json& from_list) {
  std::vector<WebhookState> webhooks;
  for (const Json& from : from_list) {
    webhooks.push_back({get<std::string>(from, "name"), get<int>(from, "step"), get<bool>(from, "passed"),
                        get<std::string>(from, "message"), get<int>(from, "calls"),
                        get<int>(from, "failures"), time_of(from, "time")});
  }
  return webhooks;
}

Json webhooks_json(const std::vector<WebhookState>& webhooks) {
  Json out = Json::array();
  for (const WebhookState& webhook : webhooks) {
    Json item{{"name", webhook.name},       {"step", webhook.step},   {"passed", webhook.passed},
              {"message", webhook.message}, {"calls", webhook.calls}, {"failures", webhook.failures}};
    put_time(item, "time", webhook.time);
    out.push_back(std::move(item));
  }
  return out;
}

ReloadStatus read_status(const Json& from) {
  ReloadStatus status;
  status.observed_generation = get<std::int64_t>(from, "observedGeneration");
  status.phase = phase_of(get<std::string>(from, "phase"), ReloadPhase::kPending);
  status.start_time = time_of(from, "startTime");
  status.end_time = time_of(from, "endTime");
  status.progress_time = time_of(from, "progressTime");
  status.paused_time = time_of(from, "pausedTime");
  status.config_hash = get<std::string>(from, "configHash");
  status.template_hash = get<std::string>(from, "templateHash");
  status.end_reason = get<std::string>(from, "endReason");
  status.end_message = get<std::string>(from, "endMessage");
  status.end_phase = phase_of(get<std::string>(from, "endPhase"), ReloadPhase::kFailed);
  status.step = get<int>(from, "step");
  status.pods = read_counts(from);
  status.failed_pods = read_failed(list(from, "failedPods"));
  status.truncated = get<bool>(from, "truncated");
  status.steps = read_steps(list(from, "steps"));
  status.metrics = read_metrics(list(from, "metrics"));
  status.webhooks = read_webhooks(list(from, "webhooks"));
  status.receipt = read_receipt(part(from, "receipt"));
  status.conditions = read_conditions(from);
  return status;
}

}  // namespace

std::string_view to_string(ReloadPhase phase) {
  for (const PhaseName& each : kPhases) {
    if (each.phase == phase) return each.name;
  }
  return "Pending";
}

Result<Reload> reload_from_json(const Json& object) {
  try {
    Reload reload;
    reload.meta = read_meta(object);
    const Json& spec = part(object, "spec");
    reload.spec = {get<std::string>(part(spec, "policyRef"), "name"), get<std::string>(spec, "token"),
                   get<std::string>(spec, "reason"), get<std::string>(spec, "podName"),
                   content_of(get<std::string>(spec, "content"))};
    reload.status = read_status(part(object, "status"));
    return reload;
  } catch (const Json::exception& error) {
    return wrong_type(object, error);
  }
}

Json status_to_json(const ReloadStatus& status) {
  return {{"observedGeneration", status.observed_generation},
          {"phase", to_string(status.phase)},
          {"startTime", time_json(status.start_time)},
          {"endTime", time_json(status.end_time)},
          {"progressTime", time_json(status.progress_time)},
          {"pausedTime", time_json(status.paused_time)},
          {"configHash", status.config_hash},
          {"templateHash", status.template_hash},
          {"endReason", status.end_reason},
          {"endMessage", status.end_message},
          {"endPhase", to_string(status.end_phase)},
          {"step", status.step},
          {"pods", counts_json(status.pods)},
          {"failedPods", failed_json(status.failed_pods)},
          {"truncated", status.truncated},
          {"steps", steps_json(status.steps)},
          {"metrics", metrics_json(status.metrics)},
          {"webhooks", webhooks_json(status.webhooks)},
          {"receipt", receipt_json(status.receipt)},
          {"conditions", conditions_json(status.conditions)}};
}

Json new_reload_json(const std::string& name_space, const std::string& name, const ReloadSpec& spec) {
  Json object = {
      {"apiVersion", kGroupVersion},
      {"kind", "Reload"},
      {"metadata", {{"name", name}, {"namespace", name_space}}},
      {"spec", {{"policyRef", {{"name", spec.policy}}}, {"token", spec.token}, {"reason", spec.reason}}}};
  if (!spec.pod.empty()) object["spec"]["podName"] = spec.pod;
  for (const ContentName& each : kContents) {
    if (each.content == spec.content && spec.content != ReloadContent::kSource)
      object["spec"]["content"] = each.name;
  }
  return object;
}

}  // namespace sidestep::api
