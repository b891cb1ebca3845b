#include <algorithm>
#include <charconv>
#include <set>

#include "operator/cli/lint.h"

namespace sidestep::op::cli {
namespace {

using policy::Value;
using policy::ValueKind;

constexpr long kDefaultGrace = 30;

const std::vector<Value>& items(const Value& map, std::string_view key) {
  static const std::vector<Value> kNone;
  const Value* list = member(map, key);
  return list == nullptr ? kNone : list->items;
}

long number(std::string_view text, long otherwise) {
  long value = 0;
  const char* end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, value);
  return error == std::errc{} && rest == end ? value : otherwise;
}

// The words of a command, or of an exec hook.
std::string words(const Value* list) {
  std::string text;
  for (const Value& word : list == nullptr ? std::vector<Value>{} : list->items)
    text += (text.empty() ? "" : " ") + word.text;
  return text;
}

std::string env_of(const Value& container, std::string_view name) {
  for (const Value& variable : items(container, "env"))
    if (text_at(variable, "name") == name) return text_at(variable, "value");
  return {};
}

// One pod spec on its way through the checks.
struct Checks {
  const Value& spec;
  const std::string& place;
  const policy::PolicySpec* policy;
  std::vector<Finding> findings = {};
  const Value* sidecar = nullptr;
  bool is_native = false;

  void complain(const Value& where, const std::string& field, std::string value, std::string wrong_and_fix) {
    findings.push_back(
        {where.line, place + (field.empty() ? "" : "." + field), std::move(value), std::move(wrong_and_fix)});
  }

  void find_sidecar() {
    for (const char* list : {"initContainers", "containers"}) {
      for (const Value& container : items(spec, list)) {
        if (text_at(container, "name") != "sidestep") continue;
        sidecar = &container;
        is_native = std::string_view(list) == "initContainers";
      }
    }
  }

  void check_sidecar() {
    if (sidecar == nullptr)
      return complain(
          spec, "initContainers", "",
          "no container is named sidestep; add the sidecar as an init container with restartPolicy: Always");
    if (!is_native)
      complain(*sidecar, "containers", "sidestep",
               "a regular container ends together with the app; move it to initContainers with "
               "restartPolicy: Always");
    else if (text_at(*sidecar, "restartPolicy") != "Always")
      complain(*sidecar, "initContainers[sidestep].restartPolicy", text_at(*sidecar, "restartPolicy"),
               "the app would wait for its end; write restartPolicy: Always");
    const auto& ports = items(*sidecar, "ports");
    if (std::none_of(ports.begin(), ports.end(),
                     [](const Value& port) { return text_at(port, "name") == "sidestep-ctl"; }))
      complain(*sidecar, "initContainers[sidestep].ports", "",
               "the operator finds no control port; add {name: sidestep-ctl, containerPort: 8086}");
    if (words(at_path(*sidecar, "lifecycle.preStop.exec.command")) != "sidestep pod-ending")
      complain(*sidecar, "initContainers[sidestep].lifecycle.preStop", "",
               "the pod's end would lose requests; write preStop: {exec: {command: [sidestep, pod-ending]}}");
    if (words(at_path(*sidecar, "lifecycle.postStart.exec.command")) != "sidestep wait --listening")
      complain(*sidecar, "initContainers[sidestep].lifecycle.postStart", "",
               "the app could start before the launcher is there; write postStart: {exec: {command: "
               "[sidestep, wait, --listening]}}");
  }

  void check_grace() {
    const Value* given = member(spec, "terminationGracePeriodSeconds");
    const long grace = given == nullptr ? kDefaultGrace : number(given->text, kDefaultGrace);
    const std::string shown = std::to_string(grace);
    if (sidecar != nullptr) {
      const std::string told = env_of(*sidecar, "SIDESTEP_GRACE_SECONDS");
      if (number(told, kDefaultGrace) != grace)
        complain(*sidecar, "initContainers[sidestep].env[SIDESTEP_GRACE_SECONDS]", told,
                 "differs from terminationGracePeriodSeconds; write \"" + shown + "\"");
    }
    if (policy != nullptr && policy->shutdown.grace_period.count() > grace)
      complain(given == nullptr ? spec : *given, "terminationGracePeriodSeconds", shown,
               "is less than the policy's shutdown.gracePeriodSeconds; write at least " +
                   std::to_string(policy->shutdown.grace_period.count()));
  }

  std::set<long> proxy_ports() const {
    std::set<long> ports;
    for (const Value& port : items(*sidecar, "ports"))
      if (text_at(port, "name") != "sidestep-ctl") ports.insert(number(text_at(port, "containerPort"), 0));
    return ports;
  }

  void check_app(const Value& container, const std::set<long>& owned) {
    const std::string name = "containers[" + text_at(container, "name") + "]";
    for (const char* kind : {"livenessProbe", "readinessProbe", "startupProbe"}) {
      for (const char* how : {"httpGet.port", "tcpSocket.port", "grpc.port"}) {
        const std::string port = text_at(container, std::string(kind) + "." + how);
        if (!port.empty() && owned.contains(number(port, -1)))
          complain(container, name + "." + kind, port,
                   "goes through the proxy, where a probe that waits restarts the app; move it to the "
                   "policy's readiness");
      }
    }
  }

  void check_apps() {
    const std::set<long> owned = proxy_ports();
    bool is_launched = false;
    for (const Value& container : items(spec, "containers")) {
      if (&container == sidecar) continue;
      is_launched =
          is_launched || words(member(container, "command")).find("sidestep-launch") != std::string::npos;
      check_app(container, owned);
    }
    if (!is_launched)
      complain(spec, "containers", "",
               "no app stands behind the launcher; begin its command with /sidestep/sidestep-launch, --");
  }

  void check_pod() {
    const std::string restart = text_at(spec, "restartPolicy");
    if (!restart.empty() && restart != "Always")
      complain(spec, "restartPolicy", restart,
               "a pod that is meant to end cannot be reloaded; write Always, or leave it out");
    if (text_at(spec, "hostNetwork") == "true" && (sidecar == nullptr || proxy_ports().empty()))
      complain(spec, "hostNetwork", "true",
               "needs explicit ports, which no other pod of the node has; name them in the sidecar's ports");
  }

  // What the kubelet never refreshes cannot start a reload, and what the sidecar does not see cannot be
  // waited for.
  void check_source(const policy::Source& source, const std::string& volume) {
    for (const Value& container : items(spec, "containers")) {
      for (const Value& mount : items(container, "volumeMounts")) {
        if (text_at(mount, "name") == volume && member(mount, "subPath") != nullptr)
          complain(mount, "containers[" + text_at(container, "name") + "].volumeMounts",
                   text_at(mount, "subPath"),
                   "a subPath of " + source.text() + " is never refreshed; mount the folder");
      }
    }
    const std::string told = env_of(*sidecar, "SIDESTEP_SOURCE");
    if (told.find(source.text() + "=") == told.npos)
      complain(*sidecar, "initContainers[sidestep].env[SIDESTEP_SOURCE]", told,
               "does not say where " + source.text() +
                   " is mounted, so a candidate waits 2.5 s and hopes; mount it in the sidecar too and add " +
                   source.text() + "=FOLDER");
  }

  void check_sources() {
    if (policy == nullptr) return;
    for (const policy::Source& source : policy->triggers.sources) {
      const bool is_secret = source.kind == policy::SourceKind::kSecret;
      std::string volume;
      for (const Value& each : items(spec, "volumes"))
        if (text_at(each, is_secret ? "secret.secretName" : "configMap.name") == source.name)
          volume = text_at(each, "name");
      if (!volume.empty()) check_source(source, volume);
    }
  }
};

}  // namespace

std::vector<Finding> lint_pod(const Value& spec, const std::string& place, const policy::PolicySpec* policy) {
  Checks checks{spec, place, policy};
  checks.find_sidecar();
  checks.check_sidecar();
  checks.check_grace();
  checks.check_pod();
  if (checks.sidecar != nullptr) {
    checks.check_apps();
    checks.check_sources();
  }
  return std::move(checks.findings);
}

}  // namespace sidestep::op::cli
