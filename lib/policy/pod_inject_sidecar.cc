// The sidecar's container, its volumes, and what the mesh must leave alone.
#include <algorithm>

#include "lib/base/duration.h"
#include "lib/policy/fields.h"
#include "lib/policy/pod_inject_parts.h"

namespace sidestep::policy {
namespace {

Value env(const char* name, std::string value) {
  return map_of({{"name", plain(std::string(name))}, {"value", text_value(std::move(value))}});
}

Value mount(const char* name, const char* path, bool is_read_only = false) {
  Value made = map_of({{"name", plain(std::string(name))}, {"mountPath", plain(std::string(path))}});
  if (is_read_only) member_of(made, "readOnly") = plain(std::string("true"));
  return made;
}

Value probe(const char* path, std::int64_t period, std::int64_t failures) {
  return map_of({{"httpGet", map_of({{"path", plain(std::string(path))},
                                     {"port", plain(std::string(kControlPortName))}})},
                 {"periodSeconds", plain(period)},
                 {"failureThreshold", plain(failures)}});
}

Value hook(const char* verb, const char* flag) {
  Value command = list_of({plain(std::string("sidestep")), plain(std::string(verb))});
  if (flag != nullptr) command.items.push_back(text_value(flag));
  return map_of({{"exec", map_of({{"command", command}})}});
}

// What the first generation goes by, until the operator sends the ReloadPolicy.
std::string first_policy(InjectRun& run) {
  if (run.settings.policy != nullptr) {
    PolicySpec spec = *run.settings.policy;
    spec.guards = {};  // of the operator alone, and no change of them is one of the pods
    return policy_to_json(spec);
  }
  const Readiness& readiness = run.readiness;
  Value spec;
  if (run.has_readiness) {
    Value& made = member_of(spec, "readiness");
    if (readiness.kind == ProbeKind::kHttpGet) {
      Value http = map_of({{"path", text_value(readiness.path)}});
      if (!readiness.host.empty()) member_of(http, "host") = text_value(readiness.host);
      member_of(made, "httpGet") = http;
    } else {
      member_of(made, "tcpSocket") = map_of({});
    }
    member_of(made, "successThreshold") = plain(std::int64_t{readiness.success_threshold});
    member_of(made, "failureThreshold") = plain(std::int64_t{readiness.failure_threshold});
    member_of(made, "periodSeconds") = plain(readiness.period / Seconds{1});
    member_of(made, "timeoutSeconds") = plain(readiness.timeout / Seconds{1});
    member_of(made, "startDeadlineSeconds") = plain(readiness.start_deadline.count());
  }
  member_of(spec, "shutdown") = map_of({{"gracePeriodSeconds", plain(grace_seconds_of(run.spec()))}});
  return json_text(spec);
}

// Mounts what the policy's triggers name where the sidecar sees it, so that it can say what has arrived.
std::string mount_sources(InjectRun& run, std::vector<Value>& mounts) {
  std::string told;
  if (run.settings.policy == nullptr) return told;
  for (const Source& source : run.settings.policy->triggers.sources) {
    if (source.is_pinned()) continue;  // the copies are looked at
    const bool is_secret = source.kind == SourceKind::kSecret;
    for (const Value& volume : items_of(run.spec(), "volumes")) {
      if (text_at(volume, is_secret ? "secret.secretName" : "configMap.name") != source.name) continue;
      const std::string folder =
          "/etc/sidestep/sources/" + std::string(is_secret ? "secret-" : "configmap-") + source.name;
      mounts.push_back(mount(text_at(volume, "name").c_str(), folder.c_str(), true));
      told += (told.empty() ? "" : ",") + source.text() + "=" + folder;
      break;
    }
  }
  return told;
}

Value sidecar(InjectRun& run) {
  const std::string control = std::to_string(run.control_port);
  std::vector<Value> mounts{mount("sidestep", "/sidestep"), mount("sidestep-state", "/var/lib/sidestep"),
                            mount("sidestep-trust", "/etc/sidestep/trust", true)};
  Value variables = list_of(
      {env("SIDESTEP_LISTEN", ":" + std::to_string(run.port)), env("SIDESTEP_CONTROL_LISTEN", ":" + control),
       env("SIDESTEP_GRACE_SECONDS", std::to_string(grace_seconds_of(run.spec()))),
       map_of({{"name", plain(std::string("SIDESTEP_POD_UID"))},
               {"valueFrom",
                map_of({{"fieldRef", map_of({{"fieldPath", plain(std::string("metadata.uid"))}})}})}}),
       env("SIDESTEP_POLICY", first_policy(run))});
  if (run.is_h2c) variables.items.push_back(env("SIDESTEP_APP_PROTOCOL", "h2c"));
  std::string sources = mount_sources(run, mounts);
  if (const std::string copies = add_pins(run, mounts); !copies.empty())
    sources += (sources.empty() ? "" : ",") + copies;
  if (!sources.empty()) variables.items.push_back(env("SIDESTEP_SOURCE", sources));
  Value mount_list = list_of({});
  mount_list.items = std::move(mounts);
  const auto word = [](const char* text) { return plain(std::string(text)); };
  return map_of(
      {{"name", word("sidestep")},
       {"image", text_value(run.settings.image)},
       {"restartPolicy", word("Always")},
       {"command", list_of({word("sidestep"), word("proxy")})},
       {"ports",
        list_of({map_of({{"name", word("sidestep-ctl")}, {"containerPort", plain(run.control_port)}})})},
       {"env", variables},
       {"lifecycle",
        map_of({{"postStart", hook("wait", "--listening")}, {"preStop", hook("pod-ending", nullptr)}})},
       {"readinessProbe", probe("/readyz", 1, 3)},
       {"livenessProbe", probe("/healthz", 5, 6)},
       {"resources", map_of({{"requests", map_of({{"cpu", word("20m")}, {"memory", word("16Mi")}})},
                             {"limits", map_of({{"memory", word("64Mi")}})}})},
       {"securityContext", map_of({{"runAsUser", plain(std::int64_t{65532})},
                                   {"runAsGroup", plain(std::int64_t{65532})},
                                   {"runAsNonRoot", word("true")},
                                   {"allowPrivilegeEscalation", word("false")},
                                   {"readOnlyRootFilesystem", word("true")},
                                   {"capabilities", map_of({{"drop", list_of({word("ALL")})}})},
                                   {"seccompProfile", map_of({{"type", word("RuntimeDefault")}})}})},
       {"volumeMounts", mount_list}});
}

void add_volumes(InjectRun& run) {
  const auto word = [](const char* text) { return plain(std::string(text)); };
  auto& mounts = list_in(run.container(), "volumeMounts");
  mounts.push_back(mount("sidestep", "/sidestep", true));
  mounts.push_back(mount("sidestep", "/sidestep/run"));
  member_of(mounts.back(), "subPath") = word("run");
  mounts.push_back(mount("sidestep-config", "/run/sidestep-config"));
  auto& volumes = list_in(run.spec(), "volumes");
  volumes.push_back(map_of({{"name", word("sidestep")}, {"emptyDir", map_of({})}}));
  volumes.push_back(map_of({{"name", word("sidestep-state")}, {"emptyDir", map_of({})}}));
  volumes.push_back(map_of({{"name", word("sidestep-config")},
                            {"emptyDir", map_of({{"medium", word("Memory")}, {"sizeLimit", word("4Mi")}})}}));
  volumes.push_back(
      map_of({{"name", word("sidestep-trust")},
              {"configMap", map_of({{"name", word("sidestep-trust")}, {"optional", word("true")}})}}));
}

// A mesh that encrypts everything would keep the operator from the control port.
void exclude_from_mesh(InjectRun& run) {
  const std::string port = std::to_string(run.control_port);
  Value& annotations = member_of(member_of(run.made, "metadata"), "annotations");
  for (const char* name :
       {"traffic.sidecar.istio.io/excludeInboundPorts", "config.linkerd.io/skip-inbound-ports"}) {
    Value& ports = member_of(annotations, name);
    if (names_port(ports.text, run.control_port)) continue;
    ports = text_value(ports.text.empty() ? port : ports.text + "," + port);
  }
}

void allow_low_port(InjectRun& run) {
  if (run.port >= 1024) return;
  auto& sysctls = list_in(member_of(run.spec(), "securityContext"), "sysctls");
  const std::string name = "net.ipv4.ip_unprivileged_port_start";
  if (std::any_of(sysctls.begin(), sysctls.end(),
                  [&](const Value& each) { return text_at(each, "name") == name; }))
    return;
  sysctls.push_back(map_of({{"name", plain(name)}, {"value", text_value(std::to_string(run.port))}}));
}

}  // namespace

void add_sidecar(InjectRun& run) {
  const std::string policy = first_policy(run);
  if (const auto read = parse_policy(policy, "the policy of the first generation"); !read)
    return run.refuse(field(&run.spec(), "terminationGracePeriodSeconds"),
                      "spec.terminationGracePeriodSeconds", std::to_string(grace_seconds_of(run.spec())),
                      read.error().detail);
  if (run.settings.policy != nullptr &&
      run.settings.policy->shutdown.grace_period.count() > grace_seconds_of(run.spec()))
    return run.refuse(
        field(&run.spec(), "terminationGracePeriodSeconds"), "spec.terminationGracePeriodSeconds",
        std::to_string(grace_seconds_of(run.spec())),
        "is less than the policy's shutdown.gracePeriodSeconds; write terminationGracePeriodSeconds: " +
            std::to_string(run.settings.policy->shutdown.grace_period.count()));
  Value made = sidecar(run);
  add_volumes(run);
  list_in(run.spec(), "initContainers").push_back(std::move(made));
  exclude_from_mesh(run);
  allow_low_port(run);
}

}  // namespace sidestep::policy
