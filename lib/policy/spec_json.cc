#include <nlohmann/json.hpp>

#include "lib/policy/spec.h"
#include "lib/policy/spec_analysis.h"
#include "lib/policy/spec_guards.h"
#include "lib/policy/spec_names.h"
#include "lib/policy/spec_triggers.h"

namespace sidestep::policy {
namespace {

using Json = nlohmann::ordered_json;

Json pods_json(PodAmount amount) {
  return amount.percent ? Json(std::to_string(amount.value) + "%") : Json(amount.value);
}

// Quantities keep the form that people write: 16777216 is "16Mi".
Json bytes_json(std::int64_t count) {
  constexpr std::pair<const char*, int> kUnits[] = {{"Gi", 30}, {"Mi", 20}, {"Ki", 10}};
  for (const auto& [suffix, shift] : kUnits) {
    if (count % (std::int64_t{1} << shift) == 0) return std::to_string(count >> shift) + suffix;
  }
  return std::to_string(count);
}

void put_time(Json& out, const std::string& name, Millis time) {
  if (time.count() % 1000 == 0)
    out[name + "Seconds"] = time.count() / 1000;
  else
    out[name + "Milliseconds"] = time.count();
}

Json rollout_json(const Rollout& rollout) {
  Json steps = Json::array();
  for (const RolloutStep& step : rollout.steps) {
    steps.push_back({{"pods", pods_json(step.pods)},
                     {"weightPerTenThousand", step.weight_per_ten_thousand},
                     {"pauseSeconds", step.pause.count()}});
  }
  return {{"steps", std::move(steps)},
          {"maxConcurrentPods", pods_json(rollout.max_concurrent_pods)},
          {"progressDeadlineSeconds", rollout.progress_deadline.count()}};
}

Json strategy_json(const Strategy& strategy) {
  Json out{{"type", name_of(strategy.type, kStrategyTypes)}};
  if (strategy.type == StrategyType::kOverlap) {
    out["overlap"] = {{"onMemoryPressure", name_of(strategy.on_memory_pressure, kMemoryPressures)},
                      {"rollbackWindowSeconds", strategy.rollback_window.count()}};
  }
  return out;
}

Json readiness_json(const Readiness& readiness) {
  Json out = Json::object();
  if (readiness.kind == ProbeKind::kHttpGet) {
    out["httpGet"] = {{"path", readiness.path}};
    if (!readiness.host.empty()) out["httpGet"]["host"] = readiness.host;
  } else {
    out["tcpSocket"] = Json::object();
  }
  out["successThreshold"] = readiness.success_threshold;
  out["failureThreshold"] = readiness.failure_threshold;
  put_time(out, "period", readiness.period);
  put_time(out, "timeout", readiness.timeout);
  out["startDeadlineSeconds"] = readiness.start_deadline.count();
  return out;
}

Json drain_json(const Drain& drain) {
  return {{"http", {{"timeoutSeconds", drain.http_timeout.count()}}},
          {"webSocket",
           {{"policy", name_of(drain.web_socket, kWebSocketDrains)},
            {"closeCode", drain.web_socket_close_code},
            {"timeoutSeconds", drain.web_socket_timeout.count()}}},
          {"maxRetiring", drain.max_retiring},
          {"rollbackDrainSeconds", drain.rollback_drain.count()}};
}

Json target_json(const TargetRef& target) {
  return {{"apiVersion", target.api_version}, {"kind", target.kind}, {"name", target.name}};
}

Json selector_json(const PolicySpec& spec) {
  Json labels = Json::object();
  for (const auto& [key, value] : spec.selector) labels[key] = value;
  return {{"matchLabels", std::move(labels)}};
}

Json config_json(const PolicySpec& spec) {
  Json sources = Json::array();
  for (const ConfigSource& source : spec.config) {
    sources.push_back({{"path", source.path}, {"mode", name_of(source.mode, kSnapshotModes)}});
  }
  return sources;
}

}  // namespace

std::string policy_to_json(const PolicySpec& spec) {
  Json out = Json::object();
  if (spec.target_ref) out["targetRef"] = target_json(*spec.target_ref);
  if (!spec.selector.empty()) out["selector"] = selector_json(spec);
  out["suspend"] = spec.suspend;
  out["listen"] = name_of(spec.listen, kListenKinds);
  out["triggers"] = triggers_json(spec.triggers);
  out["strategy"] = strategy_json(spec.strategy);
  out["rollout"] = rollout_json(spec.rollout);
  out["readiness"] = readiness_json(spec.readiness);
  out["drain"] = drain_json(spec.drain);
  out["hold"] = {{"maxRequests", spec.hold.max_requests},
                 {"maxBytes", bytes_json(spec.hold.max_bytes)},
                 {"timeoutSeconds", spec.hold.timeout.count()}};
  out["analysis"] = analysis_json(spec.analysis);
  out["config"] = config_json(spec);
  out["shutdown"] = {{"gracePeriodSeconds", spec.shutdown.grace_period.count()},
                     {"endpointsGraceSeconds", spec.shutdown.endpoints_grace.count()},
                     {"appStopSeconds", spec.shutdown.app_stop.count()}};
  out["exposeGeneration"] = spec.expose_generation;
  out["reportOutput"] = spec.report_output;
  out["historyLimit"] = spec.history_limit;
  // Of the operator alone: left out where they say nothing, so that older sidecars read the rest.
  if (Json guards = guards_json(spec.guards); !guards.empty()) out["guards"] = std::move(guards);
  if (spec.priority != 0) out["priority"] = spec.priority;
  if (!spec.depends_on.empty()) out["dependsOn"] = spec.depends_on;
  return out.dump();
}

}  // namespace sidestep::policy
