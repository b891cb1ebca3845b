#include "sidecar/config/lint_pod.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>

#include "lib/policy/spec.h"

namespace sidestep::sidecar {
namespace {

using policy::Value;
using policy::ValueKind;

constexpr std::string_view kSidecar = "sidestep";  // docs/contracts.md, "Annotations, labels, names"
constexpr std::string_view kLauncher = "sidestep-launch";
constexpr std::int64_t kDefaultGrace = 30;  // Kubernetes' own

struct Container {
  const Value* value;
  std::string place;
};

std::vector<Container> containers(const Workload& workload, std::string_view list) {
  std::vector<Container> all;
  const Value* items = member(workload.pod, list);
  if (items == nullptr) return all;
  for (std::size_t i = 0; i < items->items.size(); ++i) {
    all.push_back(
        {&items->items[i], workload.place + "." + std::string(list) + "[" + std::to_string(i) + "]"});
  }
  return all;
}

std::string line_of(const Workload& workload, const Value* value, const std::string& place,
                    const std::string& shown, const std::string& wrong_and_fix) {
  const std::string line = value == nullptr || value->line == 0 ? "" : ":" + std::to_string(value->line);
  return workload.file + line + ": " + place + ": " + (shown.empty() ? "absent" : shown) + ": " +
         wrong_and_fix;
}

const Value* variable(const Value* container, std::string_view name) {
  const Value* env = member(container, "env");
  if (env == nullptr) return nullptr;
  for (const Value& entry : env->items) {
    if (text_of(member(&entry, "name")) == name) return member(&entry, "value");
  }
  return nullptr;
}

bool is_started_by_launcher(const Value* container) {
  const Value* command = member(container, "command");
  if (command == nullptr || command->items.empty()) return false;
  const std::string& program = command->items.front().text;
  return program.substr(program.rfind('/') + 1) == kLauncher;
}

std::string lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(), [](unsigned char c) { return std::tolower(c); });
  return out;
}

bool holds_any(const std::string& text, std::initializer_list<std::string_view> words) {
  return std::any_of(words.begin(), words.end(),
                     [&](std::string_view word) { return text.find(word) != std::string::npos; });
}

// One word of a command, or one variable, that may mean that the app trusts or binds an address.
void lint_setting(const Workload& workload, const Value* value, const std::string& place,
                  const std::string& name, const std::string& text, Findings& findings) {
  const bool speaks_of_trust =
      holds_any(lower(name), {"trust", "allow", "internal", "whitelist", "forwarded"});
  if (speaks_of_trust && holds_any(text, {"127.0.0.1", "127.0.0.0", "::1", "localhost"})) {
    findings.warnings.push_back(
        line_of(workload, value, place, text,
                "behind the sidecar every client comes from 127.0.0.1, so whoever trusts that address trusts "
                "everybody; let the app go by X-Forwarded-For, or by a secret"));
  }
  if (text.find("0.0.0.0") != std::string::npos || lower(text).find("[::]") != std::string::npos) {
    findings.warnings.push_back(line_of(workload, value, place, text,
                                        "the app can be reached around the proxy; let it listen on "
                                        "127.0.0.1:{port}, or on 127.0.0.1 and $PORT"));
  }
}

void lint_app(const Workload& workload, const Container& app, Findings& findings) {
  const Value* command = member(app.value, "command");
  const Value* args = member(app.value, "args");
  std::size_t behind_dashes = args == nullptr ? 0 : args->items.size();
  bool saw_dashes = false;
  for (const Value* list : {command, args}) {
    if (list == nullptr) continue;
    const std::string place = app.place + (list == command ? ".command" : ".args");
    std::string before;
    for (const Value& word : list->items) {
      if (list == command && saw_dashes) ++behind_dashes;
      if (word.text == "--") saw_dashes = true;
      const std::size_t equals = word.text.find('=');
      const std::string name = equals == std::string::npos ? before : word.text.substr(0, equals);
      lint_setting(workload, &word, place, name, word.text, findings);
      before = word.text;
    }
  }
  if (!saw_dashes || behind_dashes == 0) {
    findings.mistakes.push_back(line_of(workload, command, app.place + ".command", "",
                                        "sidestep-launch is given no app; write command: "
                                        "[/sidestep/sidestep-launch, --, CMD, ARG…]"));
  }
  const Value* env = member(app.value, "env");
  if (env == nullptr) return;
  for (const Value& entry : env->items) {
    const Value* value = member(&entry, "value");
    const std::string name = text_of(member(&entry, "name"));
    if (value != nullptr)
      lint_setting(workload, value, app.place + ".env." + name, name, value->text, findings);
  }
}

void lint_sidecar(const Workload& workload, const Container& sidecar, bool is_init, Findings& findings) {
  const Value* lifecycle = member(sidecar.value, "lifecycle");
  const auto demand = [&](bool is_there, const std::string& what, const std::string& wrong_and_fix) {
    if (!is_there)
      findings.mistakes.push_back(
          line_of(workload, sidecar.value, sidecar.place + "." + what, "", wrong_and_fix));
  };
  demand(member(lifecycle, "preStop") != nullptr, "lifecycle.preStop",
         "nobody tells the sidecar that the pod ends, and requests are cut; write preStop: {exec: {command: "
         "[sidestep, pod-ending]}}");
  demand(member(lifecycle, "postStart") != nullptr, "lifecycle.postStart",
         "the app's container may start before the launcher is there; write postStart: {exec: {command: "
         "[sidestep, wait, --listening]}}");
  demand(!is_init || text_of(member(sidecar.value, "restartPolicy")) == "Always", "restartPolicy",
         "an init container that ends before the app starts is no sidecar; write restartPolicy: Always");
  const Value* policy = variable(sidecar.value, "SIDESTEP_POLICY");
  const Value* seconds = variable(sidecar.value, "SIDESTEP_GRACE_SECONDS");
  if (policy == nullptr) return;
  const std::string name = workload.file + ": " + sidecar.place + ".env.SIDESTEP_POLICY";
  const Result<policy::PolicySpec> spec = policy::parse_policy(policy->text, name);
  if (!spec)
    findings.mistakes.push_back(spec.error().detail);
  else if (seconds == nullptr)
    lint_grace(workload, "SIDESTEP_POLICY of container sidestep", spec->shutdown.grace_period, findings);
}

std::optional<std::int64_t> number_of(const Value* value) {
  const std::string text = text_of(value);
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size() || text.empty()) return std::nullopt;
  return number;
}

}  // namespace

const Value* member(const Value* map, std::string_view name) {
  const Value* found = map == nullptr ? nullptr : policy::member(*map, name);
  return found == nullptr || found->kind == ValueKind::kNull ? nullptr : found;
}

std::string text_of(const Value* value) { return value == nullptr ? "" : value->text; }

void lint_grace(const Workload& workload, const std::string& policy, Seconds grace, Findings& findings) {
  const Value* value = member(workload.pod, "terminationGracePeriodSeconds");
  const std::int64_t pods = number_of(value).value_or(kDefaultGrace);
  if (pods == grace.count()) return;
  const std::string shown = value == nullptr ? std::to_string(kDefaultGrace) + " (the default)" : value->text;
  auto& list = grace.count() > pods ? findings.mistakes : findings.warnings;
  list.push_back(line_of(workload, value == nullptr ? workload.pod : value,
                         workload.place + ".terminationGracePeriodSeconds", shown,
                         policy +
                             " reckons with shutdown.gracePeriodSeconds: " + std::to_string(grace.count()) +
                             (grace.count() > pods ? ", and the kubelet kills the pod before that"
                                                   : ", and the rest is never used") +
                             "; write the same number in both places"));
}

void lint_pod(const Workload& workload, Findings& findings) {
  bool has_sidecar = false;
  for (const char* list : {"initContainers", "containers"}) {
    for (const Container& one : containers(workload, list)) {
      if (text_of(member(one.value, "name")) != kSidecar) continue;
      has_sidecar = true;
      lint_sidecar(workload, one, std::string_view(list) == "initContainers", findings);
      const Value* seconds = variable(one.value, "SIDESTEP_GRACE_SECONDS");
      if (const auto grace = number_of(seconds))
        lint_grace(workload, "SIDESTEP_GRACE_SECONDS", Seconds(*grace), findings);
    }
  }
  if (!has_sidecar) return;
  bool has_app = false;
  for (const Container& one : containers(workload, "containers")) {
    if (!is_started_by_launcher(one.value)) continue;
    has_app = true;
    lint_app(workload, one, findings);
  }
  if (has_app) return;
  findings.mistakes.push_back(line_of(workload, member(workload.pod, "containers"),
                                      workload.place + ".containers", "",
                                      "no container is started by sidestep-launch, so the sidecar has no "
                                      "app; write command: [/sidestep/sidestep-launch, --, CMD, ARG…]"));
}

}  // namespace sidestep::sidecar
