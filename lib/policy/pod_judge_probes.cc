// Probes of containers that are not the app, which reach it through the proxy.
#include <algorithm>
#include <array>

#include "lib/policy/fields.h"
#include "lib/policy/pod_judge.h"

namespace sidestep::policy {
namespace {

constexpr std::array<const char*, 3> kKinds{"livenessProbe", "readinessProbe", "startupProbe"};
constexpr std::array<const char*, 3> kHows{"httpGet.port", "tcpSocket.port", "grpc.port"};

// Names are those of the container's own ports.
std::int64_t number_of(const Value& container, const std::string& port) {
  for (const Value& each : items_of(container, "ports"))
    if (text_at(each, "name") == port) return whole_number(text_at(each, "containerPort")).value_or(-1);
  return whole_number(port).value_or(-1);
}

std::string port_in_command(const Value& probe, const std::set<std::int64_t>& held) {
  const Value* command = at_path(probe, "exec.command");
  if (command == nullptr) return "";
  for (const Value& word : command->items)
    for (const std::int64_t port : held)
      if (names_port(word.text, port)) return word.text;
  return "";
}

}  // namespace

std::string held_port_of(const Value& container, const char* kind, const std::set<std::int64_t>& held) {
  for (const char* how : kHows) {
    const std::string port = text_at(container, std::string(kind) + "." + how);
    if (!port.empty() && held.contains(number_of(container, port))) return port;
  }
  return "";
}

std::vector<Finding> judge_other_probes(const Value& spec, const std::string& place,
                                        const std::set<std::int64_t>& held) {
  std::vector<Finding> findings;
  const Value* sidecar = find_sidecar(spec);
  for (const char* list : {"initContainers", "containers"}) {
    for (const Value& container : items_of(spec, list)) {
      if (&container == sidecar || is_launched(container)) continue;
      for (const char* kind : kKinds) {
        const Value* probe = field(&container, kind);
        if (probe == nullptr) continue;
        std::string value = held_port_of(container, kind, held);
        if (value.empty()) value = port_in_command(*probe, held);
        if (value.empty()) continue;
        findings.push_back(
            {probe->line, place + "." + list + "[" + text_at(container, "name") + "]." + kind,
             std::move(value),
             "asks the app through the proxy, which may hold it during a reload, and then this "
             "container is the one that fails; probe what this container itself serves",
             true});
      }
    }
  }
  return findings;
}

}  // namespace sidestep::policy
