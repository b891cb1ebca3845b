// Kubelet probes of the app: those of the held port become the readiness that the sidecar asks each
// generation for; others stay.
#include <algorithm>
#include <array>

#include "lib/policy/fields.h"
#include "lib/policy/pod_inject_parts.h"

namespace sidestep::policy {
namespace {

struct ProbeAt {
  const char* name;
  bool has_deadline;  // its thresholds say how long a start may take
};
// The first of them that speaks of the held port is what a generation is asked.
constexpr std::array<ProbeAt, 3> kProbes{
    {{"readinessProbe", false}, {"startupProbe", true}, {"livenessProbe", false}}};

std::int64_t number_at(const Value& probe, const char* key, std::int64_t otherwise, std::int64_t most) {
  return std::clamp<std::int64_t>(whole_number(text_at(probe, key)).value_or(otherwise), 1, most);
}

void take_http(InjectRun& run, const Value& http, const std::string& place) {
  if (text_at(http, "scheme") == "HTTPS")
    return run.refuse(
        &http, place + ".httpGet.scheme", "HTTPS",
        "the app speaks TLS, which the sidecar would have to end; let the app serve plain HTTP on {port}");
  const std::string path = text_at(http, "path");
  run.readiness.kind = ProbeKind::kHttpGet;
  run.readiness.path = path.empty() ? "/" : path;
  if (run.settings.policy != nullptr && run.settings.policy->readiness.kind == ProbeKind::kTcpSocket) {
    const std::string wrong_and_fix =
        "is asked no more, since the ReloadPolicy only checks that the port opens; write "
        "readiness: {httpGet: {path: " +
        run.readiness.path + "}} there, or tcpSocket in place of httpGet here";
    if (!run.settings.admits_weaker_probe)
      return run.refuse(&http, place + ".httpGet.path", run.readiness.path, wrong_and_fix);
    run.warn(&http, place + ".httpGet.path", run.readiness.path, wrong_and_fix);
  }
  for (const Value& header : items_of(http, "httpHeaders")) {
    if (lower(text_at(header, "name")) == "host")
      run.readiness.host = text_at(header, "value");
    else
      run.note(&header, place + ".httpGet.httpHeaders", text_at(header, "name"),
               "is not sent by the sidecar; let the path answer without it");
  }
}

void take_readiness(InjectRun& run, const Value& probe, const std::string& place) {
  if (const Value* http = field(&probe, "httpGet")) take_http(run, *http, place);
  if (const Value* grpc = field(&probe, "grpc")) {
    run.is_h2c = true;
    run.note(grpc, place, "grpc",
             "becomes a check that the port opens, and the app is spoken to by HTTP/2 (h2c)");
  }
  run.readiness.success_threshold = static_cast<int>(number_at(probe, "successThreshold", 1, 100));
  run.readiness.failure_threshold = static_cast<int>(number_at(probe, "failureThreshold", 3, 100));
  run.readiness.period = Seconds(number_at(probe, "periodSeconds", 1, 300));
  run.readiness.timeout = Seconds(number_at(probe, "timeoutSeconds", 1, 300));
  run.has_readiness = true;
}

bool is_of_held_port(const InjectRun& run, const Value& probe) {
  for (const char* how : {"httpGet.port", "tcpSocket.port", "grpc.port"})
    if (const std::string port = text_at(probe, how); !port.empty()) return is_app_port(run, port);
  return false;
}

void move_probe(InjectRun& run, const ProbeAt& each) {
  const Value* probe = field(&run.container(), each.name);
  if (probe == nullptr) return;
  const std::string place = run.container_place() + "." + each.name;
  if (const Value* command = at_path(*probe, "exec.command")) {
    for (const Value& word : command->items)
      if (names_port(word.text, run.port))
        return run.refuse(
            &word, place + ".exec.command", word.text,
            "speaks to port " + std::to_string(run.port) +
                ", which the sidecar holds, so the kubelet would restart the app during a hold; write "
                "httpGet or tcpSocket in place of exec");
    return;
  }
  if (!is_of_held_port(run, *probe)) return;
  if (!run.has_readiness) take_readiness(run, *probe, place);
  if (each.has_deadline)
    run.readiness.start_deadline = Seconds(std::min<std::int64_t>(
        number_at(*probe, "periodSeconds", 10, 3600) * number_at(*probe, "failureThreshold", 3, 3600) +
            whole_number(text_at(*probe, "initialDelaySeconds")).value_or(0),
        3600));
  if (std::string_view(each.name) == "livenessProbe")
    run.note(probe, place, "removed",
             "a kubelet that waits at the proxy would restart the app; the sidecar starts an app anew that "
             "ends, and "
             "withdraws the pod while its active generation fails the readiness");
  remove_member(run.container(), each.name);
}

}  // namespace

void move_probes(InjectRun& run) {
  for (const ProbeAt& each : kProbes) move_probe(run, each);
}

}  // namespace sidestep::policy
