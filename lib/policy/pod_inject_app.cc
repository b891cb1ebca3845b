// Which container is the app, which port is its, and its command behind the launcher.
#include <algorithm>
#include <array>

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

// What a listen address may stand in front of the port with.
constexpr std::array<std::string_view, 7> kHosts{"",     "0.0.0.0", "127.0.0.1", "localhost",
                                                 "[::]", "[::1]",   "*"};

// "--port=8080" → "--port={port}"; "" when it is no listen address of that port.
std::string with_placeholder(const std::string& word, std::int64_t port) {
  const std::size_t equals = word.starts_with("-") ? word.find('=') : word.npos;
  const std::size_t begin = equals == word.npos ? 0 : equals + 1;
  const std::string number = std::to_string(port);
  const std::string value = word.substr(begin);
  if (!value.ends_with(number)) return "";
  const std::string before = value.substr(0, value.size() - number.size());
  const bool is_address = before.empty() || (before.back() == ':' &&
                                             std::find(kHosts.begin(), kHosts.end(),
                                                       before.substr(0, before.size() - 1)) != kHosts.end());
  return is_address ? word.substr(0, word.size() - number.size()) + "{port}" : "";
}

void fill_words(InjectRun& run, const char* list) {
  const std::string place = run.container_place() + "." + list;
  for (Value& word : list_in(run.container(), list)) {
    const std::string changed = with_placeholder(word.text, run.port);
    if (!changed.empty()) {
      run.note(&word, place, word.text, "the sidecar holds that port now; becomes " + changed);
      word = text_value(changed);
    } else if (names_port(word.text, run.port) && word.text.find("://") == word.text.npos) {
      run.refuse(&word, place, word.text,
                 "names port " + std::to_string(run.port) +
                     ", which the sidecar holds; write {port} or $PORT in its place");
    }
  }
}

void fill_environment(InjectRun& run) {
  if (find_member(run.container(), "env") == nullptr) return;
  for (Value& variable : list_in(run.container(), "env")) {
    Value* value = find_member(variable, "value");
    const std::string name = lower(text_at(variable, "name"));
    const bool is_listen = name.find("port") != name.npos || name.find("listen") != name.npos ||
                           name.find("addr") != name.npos || name.find("bind") != name.npos;
    if (value == nullptr || !is_listen) continue;
    const std::string place = run.container_place() + ".env[" + text_at(variable, "name") + "]";
    const std::string changed = with_placeholder(value->text, run.port);
    if (changed.empty()) continue;
    run.note(value, place, value->text, "the sidecar holds that port now; becomes " + changed);
    *value = text_value(changed);
  }
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
  fill_words(run, "command");
  if (field(&run.container(), "args") != nullptr) fill_words(run, "args");
  fill_environment(run);
  auto& words = list_in(run.container(), "command");
  words.insert(words.begin(), {text_value("/sidestep/sidestep-launch"), text_value("--")});
  if (const Value* hook = field(field(&run.container(), "lifecycle"), "preStop"))
    run.note(hook, run.container_place() + ".lifecycle.preStop", "there",
             "runs beside the sidecar's own, which drains; remove it if it only waits, since the grace "
             "period counts "
             "for both");
}

}  // namespace sidestep::policy
