#include "lib/policy/spec.h"

#include <algorithm>

#include "lib/policy/document.h"
#include "lib/policy/fields.h"
#include "lib/policy/spec_analysis.h"
#include "lib/policy/spec_guards.h"
#include "lib/policy/spec_names.h"
#include "lib/policy/spec_triggers.h"

namespace sidestep::policy {
namespace {

constexpr NumberRange kDay{0, 86'400};

void read_target(Fields& spec, PolicySpec& out) {
  const Value* value = spec.find("targetRef");
  Fields fields = spec.child("targetRef");
  TargetRef target;
  fields.text("apiVersion", target.api_version, 253);
  fields.text("kind", target.kind, 63);
  fields.text("name", target.name, 253);
  fields.finish();
  if (value == nullptr) return;
  if (target.api_version != "apps/v1") {
    fields.complain("apiVersion", "must name the API group of the target; write apps/v1");
  }
  if (target.kind != "Deployment" && target.kind != "StatefulSet" && target.kind != "DaemonSet") {
    fields.complain("kind", "is no kind that can be reloaded; write Deployment, StatefulSet or DaemonSet");
  }
  if (!is_object_name(target.name)) {
    fields.complain("name", "is not an object's name; write lower-case letters, digits and '-'");
  }
  out.target_ref = target;
}

void read_selector(Fields& spec, PolicySpec& out) {
  const Value* value = spec.find("selector");
  Fields fields = spec.child("selector");
  const Value* labels = fields.find("matchLabels");
  fields.finish();
  if (value == nullptr) return;
  if (labels == nullptr || labels->kind != ValueKind::kMap || labels->members.empty() ||
      labels->members.size() > 16) {
    fields.complain("matchLabels", "must hold 1 to 16 labels; write for instance matchLabels: {app: shop}");
    return;
  }
  for (const auto& [key, label] : labels->members) {
    if (key.size() > 317 || label.kind != ValueKind::kScalar || label.text.size() > 63) {
      fields.complain(label, "matchLabels." + key,
                      "is not a label; write key: value, the value of at most 63 letters");
    }
    out.selector.emplace_back(key, label.text);
  }
  std::sort(out.selector.begin(), out.selector.end());
  if (out.target_ref) {
    spec.complain(*value, "selector", "stands beside targetRef; keep one of the two");
  }
}

void read_strategy(Fields& spec, Strategy& out) {
  Fields fields = spec.child("strategy");
  fields.one_of("type", out.type, kStrategyTypes);
  const Value* member = fields.find("overlap");
  Fields overlap = fields.child("overlap");
  overlap.one_of("onMemoryPressure", out.on_memory_pressure, kMemoryPressures);
  overlap.seconds("rollbackWindowSeconds", out.rollback_window, kDay);
  overlap.finish();
  fields.finish();
  if (member != nullptr && out.type != StrategyType::kOverlap) {
    fields.complain(*member, "overlap", "belongs to type Overlap alone; remove it or write type: Overlap");
  }
}

void read_steps(Fields& rollout, Mistakes& mistakes, std::vector<RolloutStep>& out) {
  const Value* value = rollout.find("steps");
  const auto items = rollout.list("steps", 20);
  if (value != nullptr && value->kind == ValueKind::kList && value->items.empty()) {
    rollout.complain(*value, "steps", "is empty; write at least {pods: 100%} or leave the field out");
  }
  if (items.empty()) return;
  out.clear();
  for (const auto& [item, place] : items) {
    RolloutStep step;
    Fields fields(*item, place, mistakes);
    fields.pods("pods", step.pods);
    fields.number("weightPerTenThousand", step.weight_per_ten_thousand, {1, kWholeWeight});
    fields.seconds("pauseSeconds", step.pause, kDay);
    fields.finish();
    if (!out.empty()) {
      const PodAmount before = out.back().pods;
      if (before.percent == step.pods.percent && before.value > step.pods.value) {
        fields.complain("pods",
                        "is less than in the step before, and pods count cumulatively; write at least " +
                            std::to_string(before.value) + (before.percent ? "%" : ""));
      }
    }
    out.push_back(step);
  }
}

void read_rollout(Fields& spec, Mistakes& mistakes, Rollout& out) {
  Fields fields = spec.child("rollout");
  read_steps(fields, mistakes, out.steps);
  fields.pods("maxConcurrentPods", out.max_concurrent_pods);
  fields.seconds("progressDeadlineSeconds", out.progress_deadline, {1, 86'400});
  fields.finish();
}

// A time in one of two units, which the two fields xSeconds and xMilliseconds give.
void read_probe_time(Fields& fields, const std::string& name, Millis& out) {
  const Value* whole = fields.find(name + "Seconds");
  const Value* fine = fields.find(name + "Milliseconds");
  std::int64_t count = 0;
  if (fields.number(name + "Seconds", count, {1, 300})) out = Seconds(count);
  if (fields.number(name + "Milliseconds", count, {10, 300'000})) out = Millis(count);
  if (whole != nullptr && fine != nullptr) {
    fields.complain(*fine, name + "Milliseconds", "stands beside " + name + "Seconds; keep one of the two");
  }
}

void read_probe_target(Fields& fields, Readiness& out) {
  const Value* http = fields.find("httpGet");
  const Value* tcp = fields.find("tcpSocket");
  Fields get = fields.child("httpGet");
  get.text("path", out.path, 1024);
  get.text("host", out.host, 253);
  get.finish();
  fields.child("tcpSocket").finish();
  if (http != nullptr) out.kind = ProbeKind::kHttpGet;
  if (http != nullptr && tcp != nullptr) {
    fields.complain(*tcp, "tcpSocket", "stands beside httpGet; keep one of the two");
  }
  const auto odd = [](char c) { return c <= ' ' || c == 0x7f; };
  if (!out.path.starts_with('/') || std::any_of(out.path.begin(), out.path.end(), odd)) {
    get.complain("path", "must begin with '/' and hold no blanks; write for instance /readyz");
  }
  if (std::any_of(out.host.begin(), out.host.end(), odd)) {
    get.complain("host", "holds blanks; write a host name, for instance shop.example");
  }
}

void read_readiness(Fields& spec, Readiness& out) {
  Fields fields = spec.child("readiness");
  read_probe_target(fields, out);
  fields.number("successThreshold", out.success_threshold, {1, 100});
  fields.number("failureThreshold", out.failure_threshold, {1, 100});
  read_probe_time(fields, "period", out.period);
  read_probe_time(fields, "timeout", out.timeout);
  fields.seconds("startDeadlineSeconds", out.start_deadline, {1, 3600});
  fields.finish();
}

void read_drain(Fields& spec, Drain& out) {
  Fields fields = spec.child("drain");
  Fields http = fields.child("http");
  http.seconds("timeoutSeconds", out.http_timeout, kDay);
  http.finish();
  Fields socket = fields.child("webSocket");
  socket.one_of("policy", out.web_socket, kWebSocketDrains);
  socket.number("closeCode", out.web_socket_close_code, {1000, 4999});
  socket.seconds("timeoutSeconds", out.web_socket_timeout, kDay);
  socket.finish();
  fields.number("maxRetiring", out.max_retiring, {1, 8});
  fields.seconds("rollbackDrainSeconds", out.rollback_drain, {0, 3600});
  fields.finish();
}

void read_hold(Fields& spec, Hold& out) {
  Fields fields = spec.child("hold");
  fields.number("maxRequests", out.max_requests, {0, 100'000});
  fields.bytes("maxBytes", out.max_bytes, {4096, std::int64_t{16} << 30});
  fields.seconds("timeoutSeconds", out.timeout, {1, 3600});
  fields.finish();
}

void read_config(Fields& spec, Mistakes& mistakes, std::vector<ConfigSource>& out) {
  for (const auto& [item, place] : spec.list("config", 16)) {
    ConfigSource source;
    Fields fields(*item, place, mistakes);
    fields.text("path", source.path, 1024);
    fields.one_of("mode", source.mode, kSnapshotModes);
    fields.finish();
    if (!source.path.starts_with('/')) {
      fields.complain(
          "path",
          "must be absolute, as the app's container sees it; write for instance /etc/shop/config.yaml");
    }
    fields.distinct("path", out, [&](const ConfigSource& other) { return other.path == source.path; });
    out.push_back(source);
  }
}

void read_shutdown(Fields& spec, Shutdown& out) {
  const Value* value = spec.find("shutdown");
  Fields fields = spec.child("shutdown");
  fields.seconds("gracePeriodSeconds", out.grace_period, {1, 86'400});
  fields.seconds("endpointsGraceSeconds", out.endpoints_grace, {0, 3600});
  fields.seconds("appStopSeconds", out.app_stop, {0, 3600});
  fields.finish();
  const Seconds needed = out.endpoints_grace + out.app_stop + Seconds(2);
  if (value != nullptr && out.grace_period < needed) {
    fields.complain("gracePeriodSeconds",
                    "is less than endpointsGraceSeconds + appStopSeconds + 2 s of reserve; write at least " +
                        std::to_string(needed.count()) +
                        " here and in the pod's terminationGracePeriodSeconds");
  }
}

void read_depends_on(Fields& spec, std::vector<std::string>& out) {
  for (const auto& [item, place] : spec.list("dependsOn", kMostDependencies)) {
    const bool is_name = item->kind == ValueKind::kScalar && is_object_name(item->text);
    if (!is_name)
      spec.complain(*item, "dependsOn",
                    "is not the name of a ReloadPolicy; write lower-case letters, digits and '-'");
    else if (std::find(out.begin(), out.end(), item->text) != out.end())
      spec.complain(*item, "dependsOn", "stands in the list twice; keep one");
    else
      out.push_back(item->text);
  }
}

void read_spec(const Value& value, const std::string& place, Mistakes& mistakes, PolicySpec& out) {
  Fields spec(value, place, mistakes);
  read_target(spec, out);
  read_selector(spec, out);
  spec.boolean("suspend", out.suspend);
  spec.one_of("listen", out.listen, kListenKinds);
  read_triggers(spec, mistakes, out.triggers);
  read_strategy(spec, out.strategy);
  read_rollout(spec, mistakes, out.rollout);
  read_readiness(spec, out.readiness);
  read_drain(spec, out.drain);
  read_hold(spec, out.hold);
  read_analysis(spec, mistakes, out.analysis);
  read_config(spec, mistakes, out.config);
  read_shutdown(spec, out.shutdown);
  spec.boolean("exposeGeneration", out.expose_generation);
  spec.boolean("reportOutput", out.report_output);
  spec.number("historyLimit", out.history_limit, {1, 100});
  read_guards(spec, mistakes, out.guards);
  spec.number("priority", out.priority, {-1000, 1000});
  read_depends_on(spec, out.depends_on);
  spec.finish();
}

void read_whole(const Value& document, Mistakes& mistakes, PolicySpec& out) {
  static const Value kNothing;
  Fields fields(document, "", mistakes);
  std::string version;
  std::string kind;
  fields.text("apiVersion", version, 253);
  fields.text("kind", kind, 63);
  fields.find("metadata");
  fields.find("status");
  if (version != "sidestep.dev/v1alpha1") {
    fields.complain("apiVersion", "is not read here; write sidestep.dev/v1alpha1");
  }
  if (kind != "ReloadPolicy") {
    fields.complain("kind", "is not read here; write ReloadPolicy");
  }
  const Value* spec = fields.find("spec");
  read_spec(spec == nullptr ? kNothing : *spec, "spec", mistakes, out);
  fields.finish();
}

}  // namespace

Result<PolicySpec> parse_policy(std::string_view text, std::string_view file_name) {
  const Result<Value> document = parse_document(text, file_name);
  if (!document) return document.error();
  Mistakes mistakes{std::string(file_name)};
  PolicySpec spec;
  const auto is_envelope = [](const auto& member) {
    return member.key == "kind" || member.key == "apiVersion" || member.key == "spec" ||
           member.key == "metadata";
  };
  const auto& members = document->members;
  if (std::any_of(members.begin(), members.end(), is_envelope)) {
    read_whole(*document, mistakes, spec);
  } else {
    read_spec(*document, "", mistakes, spec);
  }
  if (!mistakes.empty()) return invalid(mistakes.text());
  return spec;
}

}  // namespace sidestep::policy
