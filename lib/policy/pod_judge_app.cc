// The rules for the containers of the app: command, addresses, probes, mounted sources.
#include <algorithm>
#include <initializer_list>
#include <set>

#include "lib/policy/fields.h"
#include "lib/policy/pins.h"
#include "lib/policy/pod_judge.h"

namespace sidestep::policy {
namespace {

bool holds_any(const std::string& text, std::initializer_list<std::string_view> words) {
  return std::any_of(words.begin(), words.end(),
                     [&](std::string_view word) { return text.find(word) != std::string::npos; });
}

class AppJudge {
 public:
  AppJudge(const PodCase& pod, const Value& sidecar, std::vector<Finding>& findings)
      : pod_(pod), spec_(*pod.spec), sidecar_(sidecar), findings_(findings), owned_(held_ports(sidecar)) {}

  void judge() {
    const Value* launched = nullptr;
    for (const Value& container : items_of(spec_, "containers")) {
      if (&container == &sidecar_) continue;
      place_ = pod_.place + ".containers[" + text_at(container, "name") + "]";
      if (!is_launched(container)) continue;
      if (launched != nullptr)
        complain(
            container, "command", "sidestep-launch",
            "a second container is started by sidestep-launch, but a sidecar has one app: this one waits "
            "for ever, and takes the other one's place when that is restarted; start it without "
            "sidestep-launch, or let " +
                text_at(*launched, "name") + " start both");
      launched = &container;
      judge_probes(container);
      judge_command(container);
      judge_environment(container);
      for (const auto& [name, policy] : pod_.policies) judge_pins(container, *policy);
    }
    if (launched == nullptr)
      findings_.push_back({spec_.line, pod_.place + ".containers", "",
                           "no container is started by sidestep-launch, so the sidecar has no app; write "
                           "command: [/sidestep/sidestep-launch, --, CMD, ARG…]"});
    for (Finding& each : judge_other_probes(spec_, pod_.place, owned_)) findings_.push_back(std::move(each));
    for (const auto& [name, policy] : pod_.policies) judge_sources(policy->triggers);
  }

 private:
  void complain(const Value& where, const std::string& field, std::string value, std::string wrong_and_fix,
                bool is_warning = false) {
    findings_.push_back(
        {where.line, place_ + "." + field, std::move(value), std::move(wrong_and_fix), is_warning});
  }

  // A kubelet that waits at the proxy during a hold restarts the app.
  void judge_probes(const Value& container) {
    for (const char* kind : {"livenessProbe", "readinessProbe", "startupProbe"})
      if (const std::string port = held_port_of(container, kind, owned_); !port.empty())
        complain(container, kind, port,
                 "goes through the proxy, where a probe that waits restarts the app; move it to the "
                 "policy's readiness");
  }

  void judge_command(const Value& container) {
    std::size_t behind_dashes = 0;
    bool saw_dashes = false;
    for (const char* list : {"command", "args"}) {
      std::string before;
      for (const Value& word : items_of(container, list)) {
        if (saw_dashes) ++behind_dashes;
        saw_dashes = saw_dashes || word.text == "--";
        const std::size_t equals = word.text.find('=');
        judge_setting(word, list, equals == std::string::npos ? before : word.text.substr(0, equals));
        before = word.text;
      }
    }
    if (behind_dashes == 0)
      complain(container, "command", "",
               "sidestep-launch is given no app; write command: [/sidestep/sidestep-launch, --, CMD, ARG…]");
  }

  void judge_environment(const Value& container) {
    for (const Value& variable : items_of(container, "env")) {
      const std::string name = text_at(variable, "name");
      if (const Value* value = field(&variable, "value")) judge_setting(*value, "env[" + name + "]", name);
    }
  }

  // One word of a command, or one variable, that may mean that the app trusts or binds an address.
  void judge_setting(const Value& value, const std::string& where, const std::string& name) {
    const bool speaks_of_trust =
        holds_any(lower(name), {"trust", "allow", "internal", "whitelist", "forwarded"});
    if (speaks_of_trust && holds_any(value.text, {"127.0.0.1", "127.0.0.0", "::1", "localhost"}))
      complain(value, where, value.text,
               "behind the sidecar every client comes from 127.0.0.1, so whoever trusts that address trusts "
               "everybody; let the app go by X-Forwarded-For, or by a secret",
               true);
    if (value.text.find("0.0.0.0") != std::string::npos || value.text.find("[::]") != std::string::npos)
      complain(value, where, value.text,
               "the app can be reached around the proxy; let it listen on 127.0.0.1:{port}, or on 127.0.0.1 "
               "and $PORT",
               true);
  }

  // What the kubelet never refreshes cannot start a reload, and what the sidecar does not see cannot be
  // waited for.
  void judge_sources(const Triggers& triggers) {
    for (const Source& source : triggers.sources) {
      const bool is_secret = source.kind == SourceKind::kSecret;
      for (const Value& each : items_of(spec_, "volumes")) {
        if (text_at(each, is_secret ? "secret.secretName" : "configMap.name") == source.name)
          judge_mounts(source, text_at(each, "name"));
      }
    }
  }

  void judge_pins(const Value& container, const PolicySpec& policy) {
    for (Finding& each : judge_pinned(spec_, container, place_, policy)) findings_.push_back(std::move(each));
    const Value* variable = find_variable(container, "SIDESTEP_PINS");
    const std::string told = variable == nullptr ? std::string() : text_at(*variable, "value");
    for (const Source& source : policy.triggers.sources) {
      if (!source.is_pinned()) continue;
      for (const PinnedMount& mount : mounts_of(spec_, container, source)) {
        if (("," + told).find("," + mount.path + "=") != std::string::npos) continue;
        complain(container, "env[SIDESTEP_PINS]", told,
                 "does not name " + mount.path + ", so " + source.text() +
                     " is not pinned there; let kubectl sidestep inject write it with the volumes of the "
                     "copies");
      }
    }
  }

  void judge_mounts(const Source& source, const std::string& volume) {
    for (const Value& container : items_of(spec_, "containers")) {
      place_ = pod_.place + ".containers[" + text_at(container, "name") + "]";
      for (const Value& mount : items_of(container, "volumeMounts")) {
        const std::string sub_path = text_at(mount, "subPath");
        if (text_at(mount, "name") == volume && !sub_path.empty() && !source.is_pinned())
          complain(mount, "volumeMounts", sub_path,
                   "a subPath of " + source.text() + " is never refreshed; mount the folder");
      }
    }
    const Value* variable = find_variable(sidecar_, "SIDESTEP_SOURCE");
    const std::string told = variable == nullptr ? std::string() : text_at(*variable, "value");
    place_ = pod_.place + ".initContainers[sidestep]";
    if (!source.is_pinned() && told.find(source.text() + "=") == std::string::npos)
      complain(sidecar_, "env[SIDESTEP_SOURCE]", told,
               "does not say where " + source.text() +
                   " is mounted, so a candidate waits 2.5 s and hopes; mount it in the sidecar too and add " +
                   source.text() + "=FOLDER");
  }

  const PodCase& pod_;
  const Value& spec_;
  const Value& sidecar_;
  std::vector<Finding>& findings_;
  std::set<std::int64_t> owned_;  // ports of the proxy
  std::string place_;             // of the container that is being looked at
};

}  // namespace

void judge_apps(const PodCase& pod, const Value& sidecar, std::vector<Finding>& findings) {
  AppJudge(pod, sidecar, findings).judge();
}

}  // namespace sidestep::policy
