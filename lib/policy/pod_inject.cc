#include "lib/policy/pod_inject.h"

#include "lib/policy/pod_inject_parts.h"

namespace sidestep::policy {
namespace {

void check_pod(InjectRun& run) {
  Value& spec = run.spec();
  const std::string restart = text_at(spec, "restartPolicy");
  if (!restart.empty() && restart != "Always")
    run.refuse(
        field(&spec, "restartPolicy"), "spec.restartPolicy", restart,
        "a pod that is meant to end cannot be reloaded; write restartPolicy: Always, or remove the label "
        "sidestep.dev/inject");
  if (text_at(spec, "os.name") == "windows")
    run.refuse(field(&spec, "os"), "spec.os.name", "windows",
               "the sidecar runs on Linux only; remove the label");
  const std::string control = run.annotation(kControlPortAnnotation);
  if (!control.empty()) {
    run.control_port = 0;
    for (const char c : control)
      run.control_port =
          c >= '0' && c <= '9' ? std::min<std::int64_t>(run.control_port * 10 + (c - '0'), 99'999) : 99'999;
    if (run.control_port < 1024 || run.control_port > 65'535)
      run.refuse(nullptr, "metadata.annotations[sidestep.dev/control-port]", control,
                 "is no port from 1024 to 65535; write sidestep.dev/control-port: \"8086\"");
  }
  if (text_at(spec, "hostNetwork") == "true" && control.empty())
    run.refuse(
        field(&spec, "hostNetwork"), "spec.hostNetwork", "true",
        "the control port would be one of the node's; choose one that no other pod of the node has and add "
        "the annotation sidestep.dev/control-port: \"18086\"");
  for (const Value& volume : items_of(spec, "volumes")) {
    const std::string name = text_at(volume, "name");
    if (name == "sidestep" || name == "sidestep-state" || name == "sidestep-config" ||
        name == "sidestep-trust" || name.starts_with("sidestep-kept-") || name.starts_with("sidestep-staged-"))
      run.refuse(&volume, "spec.volumes", name,
                 "is a name that injection needs; give the volume another one");
  }
}

}  // namespace

std::string InjectRun::annotation(std::string_view name) const {
  const Value* annotations = at_path(made, "metadata.annotations");
  const Value* value = field(annotations, name);
  return value == nullptr ? std::string() : value->text;
}

std::string InjectRun::container_place() { return "spec.containers[" + text_at(container(), "name") + "]"; }

void InjectRun::refuse(const Value* where, const std::string& field, std::string value,
                       std::string wrong_and_fix) {
  const int line = where == nullptr ? made.line : where->line;
  result.refusals.push_back({line, settings.place + field, std::move(value), std::move(wrong_and_fix)});
}

void InjectRun::warn(const Value* where, const std::string& field, std::string value,
                     std::string wrong_and_fix) {
  const int line = where == nullptr ? made.line : where->line;
  result.warnings.push_back({line, settings.place + field, std::move(value), std::move(wrong_and_fix), true});
}

void InjectRun::note(const Value* where, const std::string& field, std::string value, std::string text) {
  const int line = where == nullptr ? made.line : where->line;
  result.notes.push_back({line, settings.place + field, std::move(value), std::move(text), true});
}

bool is_app_port(const InjectRun& run, const std::string& text) {
  return text == std::to_string(run.port) || (!run.port_name.empty() && text == run.port_name);
}

Injection inject_pod(const Value& pod_template, const InjectSettings& settings) {
  InjectRun run{settings, pod_template, {}};
  const Value* spec = field(&pod_template, "spec");
  if (spec != nullptr && find_sidecar(*spec) != nullptr) {
    run.result.pod_template = pod_template;
    return std::move(run.result);
  }
  check_pod(run);
  choose_app(run);
  if (run.result.refusals.empty()) {
    move_command(run);
    move_probes(run);
    judge_pins(run);
  }
  if (run.result.refusals.empty()) add_sidecar(run);
  if (run.result.refusals.empty()) {
    for (Finding& each : judge_other_probes(run.spec(), settings.place + "spec", {run.port}))
      run.result.notes.push_back(std::move(each));
    run.result.pod_template = std::move(run.made);
    run.result.is_changed = true;
  }
  return std::move(run.result);
}

}  // namespace sidestep::policy
