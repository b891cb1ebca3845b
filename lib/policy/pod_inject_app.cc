// Which container is the app, which port is its, and its command behind the launcher.
#include <algorithm>

#include "lib/policy/fields.h"
#include "lib/policy/pod_inject_parts.h"

namespace sidestep::policy {
namespace {

std::string names_of(const std::vector<Value>& list, const char* key) {
  std::string names;
  for (const Value& each : list) names += (names.empty() ? "" : ", ") + text_at(each, key);
  return names;
}

bool choose_container(InjectRun& run) {
  const auto& containers = items_of(run.spec(), "containers");
  if (containers.empty()) {
    run.refuse(nullptr, "spec.containers", "", "there is no container to put behind the sidecar; add one");
    return false;
  }
  const std::string wanted = run.annotation(kContainerAnnotation);
  const auto named = std::find_if(containers.begin(), containers.end(),
                                  [&](const Value& each) { return text_at(each, "name") == wanted; });
  const auto with_ports = [](const Value& each) { return !items_of(each, "ports").empty(); };
  if (!wanted.empty() && named == containers.end()) {
    run.refuse(nullptr, "metadata.annotations[sidestep.dev/container]", wanted,
               "is none of the pod's containers; write one of " + names_of(containers, "name"));
    return false;
  }
  if (!wanted.empty()) {
    run.app = static_cast<std::size_t>(named - containers.begin());
  } else if (containers.size() > 1) {
    if (std::count_if(containers.begin(), containers.end(), with_ports) != 1) {
      run.refuse(nullptr, "spec.containers", names_of(containers, "name"),
                 "which of them is the app is not known; add the annotation sidestep.dev/container: " +
                     text_at(containers.front(), "name") + " to the pod template");
      return false;
    }
    run.app = static_cast<std::size_t>(std::find_if(containers.begin(), containers.end(), with_ports) -
                                       containers.begin());
  }
  return true;
}

bool is_tcp(const Value& port) {
  const std::string protocol = text_at(port, "protocol");
  return protocol.empty() || protocol == "TCP";
}

void take_port(InjectRun& run, const Value& port) {
  run.port = whole_number(text_at(port, "containerPort")).value_or(0);
  run.port_name = text_at(port, "name");
}

void choose_port(InjectRun& run) {
  std::vector<Value> ports = items_of(run.container(), "ports");
  std::erase_if(ports, [](const Value& port) { return !is_tcp(port); });
  const std::string place = run.container_place() + ".ports";
  const std::string wanted = run.annotation(kPortAnnotation);
  if (!wanted.empty()) {
    for (const Value& port : ports)
      if (text_at(port, "name") == wanted || text_at(port, "containerPort") == wanted) take_port(run, port);
    if (run.port == 0) run.port = whole_number(wanted).value_or(0);
    if (run.port < 1 || run.port > 65'535)
      return run.refuse(
          nullptr, "metadata.annotations[sidestep.dev/port]", wanted,
          "is none of the container's TCP ports; write one of " + names_of(ports, "containerPort"));
  } else if (ports.size() == 1) {
    take_port(run, ports.front());
  } else {
    return run.refuse(&run.container(), place, names_of(ports, "containerPort"),
                      ports.empty()
                          ? "which port clients connect to is not known; add ports: [{containerPort: 8080}]"
                          : "which of them the sidecar holds is not known; add the annotation "
                            "sidestep.dev/port: \"" +
                                text_at(ports.front(), "containerPort") + "\" to the pod template");
  }
  for (const Value& port : ports)
    if (text_at(port, "containerPort") != std::to_string(run.port))
      run.note(&port, place, text_at(port, "containerPort"),
               "stays with the app, so two generations must be able to open it at the same time "
               "(SO_REUSEPORT), or "
               "the policy says strategy: {type: Hold}");
  if (run.port < 1024 && text_at(run.spec(), "hostNetwork") == "true")
    run.refuse(
        &run.container(), place, std::to_string(run.port),
        "the sidecar has no rights, and on the host's network ports below 1024 need them; use a higher one");
}

}  // namespace

void choose_app(InjectRun& run) {
  if (!choose_container(run)) return;
  choose_port(run);
  const std::string protocol = run.annotation(kAppProtocolAnnotation);
  run.is_h2c = protocol == "h2c";
  if (!protocol.empty() && protocol != "h2c" && protocol != "http1")
    run.refuse(nullptr, "metadata.annotations[sidestep.dev/app-protocol]", protocol,
               "is not known; write http1 or h2c");
  for (const Value& mount : items_of(run.container(), "volumeMounts"))
    if (text_at(mount, "mountPath") == "/sidestep" || text_at(mount, "mountPath") == "/run/sidestep-config")
      run.refuse(&mount, run.container_place() + ".volumeMounts", text_at(mount, "mountPath"),
                 "is a folder that injection needs; mount it elsewhere");
}

void move_command(InjectRun& run) {
  const Value* command = field(&run.container(), "command");
  if (command == nullptr || command->items.empty())
    return run.refuse(
        &run.container(), run.container_place() + ".command", "",
        "the image's own entrypoint cannot be seen from here; add command: [PROGRAM, ARG…], what the "
        "image's ENTRYPOINT says");
  fill_port(run);
  auto& words = list_in(run.container(), "command");
  words.insert(words.begin(), {text_value("/sidestep/sidestep-launch"), text_value("--")});
  if (const Value* hook = field(field(&run.container(), "lifecycle"), "preStop"))
    run.note(hook, run.container_place() + ".lifecycle.preStop", "there",
             "runs beside the sidecar's own, which drains; remove it if it only waits, since the grace "
             "period counts "
             "for both");
}

}  // namespace sidestep::policy
