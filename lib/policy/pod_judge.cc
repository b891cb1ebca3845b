#include "lib/policy/pod_judge.h"

#include <algorithm>

#include "lib/policy/fields.h"
namespace sidestep::policy {
namespace {

std::string words_of(const Value* list) {
  std::string text;
  if (list == nullptr) return text;
  for (const Value& word : list->items) text += (text.empty() ? "" : " ") + word.text;
  return text;
}

// One pod spec on its way through the rules.
class PodJudge {
 public:
  explicit PodJudge(const PodCase& pod) : pod_(pod), spec_(*pod.spec), sidecar_(find_sidecar(spec_)) {
    for (const Value& container : items_of(spec_, "initContainers"))
      is_init_ = is_init_ || &container == sidecar_;
    where_ = is_init_ ? "initContainers[sidestep]" : "containers[sidestep]";
  }

  std::vector<Finding> judge() {
    if (sidecar_ == nullptr) {
      if (!pod_.is_injected_later)
        complain(spec_, "initContainers", "",
                 "no container is named sidestep; add the sidecar as an init container with restartPolicy: "
                 "Always, or the label sidestep.dev/inject: \"true\" to the pod template",
                 pod_.policies.empty());
      return std::move(findings_);
    }
    judge_kind();
    judge_hooks();
    judge_first_policy();
    judge_grace();
    judge_pod_fields();
    judge_apps(pod_, *sidecar_, findings_);
    return std::move(findings_);
  }

 private:
  void complain(const Value& where, const std::string& field, std::string value, std::string wrong_and_fix,
                bool is_warning = false) {
    findings_.push_back(
        {where.line, pod_.place + "." + field, std::move(value), std::move(wrong_and_fix), is_warning});
  }

  void judge_kind() {
    const std::string restart = text_at(*sidecar_, "restartPolicy");
    if (!is_init_)
      complain(*sidecar_, "containers", "sidestep",
               "a regular container ends together with the app; move it to initContainers with "
               "restartPolicy: Always");
    else if (restart != "Always")
      complain(
          *sidecar_, where_ + ".restartPolicy", restart,
          "an init container that ends before the app starts is no sidecar; write restartPolicy: Always");
    const auto& ports = items_of(*sidecar_, "ports");
    if (std::none_of(ports.begin(), ports.end(),
                     [](const Value& port) { return text_at(port, "name") == kControlPortName; }))
      complain(*sidecar_, where_ + ".ports", "",
               "the operator finds no control port; add {name: sidestep-ctl, containerPort: 8086}");
  }

  void judge_hooks() {
    if (words_of(at_path(*sidecar_, "lifecycle.preStop.exec.command")) != "sidestep pod-ending")
      complain(*sidecar_, where_ + ".lifecycle.preStop", "",
               "nobody tells the sidecar that the pod ends, and requests are cut; write preStop: {exec: "
               "{command: [sidestep, pod-ending]}}");
    if (words_of(at_path(*sidecar_, "lifecycle.postStart.exec.command")) != "sidestep wait --listening")
      complain(*sidecar_, where_ + ".lifecycle.postStart", "",
               "the app's container may start before the launcher is there; write postStart: {exec: "
               "{command: [sidestep, wait, --listening]}}");
  }

  void judge_first_policy() {
    const Value* text = field(find_variable(*sidecar_, "SIDESTEP_POLICY"), "value");
    const auto first = parse_policy(text == nullptr ? "" : text->text, "SIDESTEP_POLICY");
    if (!first)
      complain(*text, where_ + ".env[SIDESTEP_POLICY]", "not as it should be", first.error().detail);
    else if (find_variable(*sidecar_, "SIDESTEP_GRACE_SECONDS") == nullptr)
      judge_grace_of("SIDESTEP_POLICY of the sidecar", first->shutdown.grace_period);
    for (const auto& [name, policy] : pod_.policies)
      if (first && first->readiness.kind == ProbeKind::kHttpGet &&
          policy->readiness.kind == ProbeKind::kTcpSocket)
        complain(*text, where_ + ".env[SIDESTEP_POLICY]", first->readiness.path,
                 "is what the first generation is asked, but " + name +
                     " only checks that the port opens; write readiness: {httpGet: {path: " +
                     first->readiness.path + "}} there",
                 true);
  }

  void judge_grace() {
    const Value* told = field(find_variable(*sidecar_, "SIDESTEP_GRACE_SECONDS"), "value");
    const std::int64_t pods = grace_seconds_of(spec_);
    const std::int64_t seconds = told == nullptr ? pods : whole_number(told->text).value_or(0);
    if (seconds != pods)
      complain(*told, where_ + ".env[SIDESTEP_GRACE_SECONDS]", told->text,
               "differs from terminationGracePeriodSeconds, " +
                   std::string(seconds > pods ? "and the kubelet kills the pod before that"
                                              : "and the rest is never used") +
                   "; write \"" + std::to_string(pods) + "\"",
               seconds > 0 && seconds < pods);
    for (const auto& [name, policy] : pod_.policies) judge_grace_of(name, policy->shutdown.grace_period);
  }

  void judge_grace_of(const std::string& policy, Seconds grace) {
    const std::int64_t pods = grace_seconds_of(spec_);
    if (pods == grace.count()) return;
    const bool is_longer = grace.count() > pods;
    const Value* given = field(&spec_, "terminationGracePeriodSeconds");
    complain(given == nullptr ? spec_ : *given, "terminationGracePeriodSeconds",
             std::to_string(pods) + (given == nullptr ? " (the default)" : ""),
             policy + " reckons with shutdown.gracePeriodSeconds: " + std::to_string(grace.count()) +
                 (is_longer ? ", and the kubelet kills the pod before that; write at least " +
                                  std::to_string(grace.count())
                            : ", and the rest is never used; write the same number in both places"),
             !is_longer);
  }

  void judge_pod_fields() {
    const std::string restart = text_at(spec_, "restartPolicy");
    if (!restart.empty() && restart != "Always")
      complain(*field(&spec_, "restartPolicy"), "restartPolicy", restart,
               "a pod that is meant to end cannot be reloaded; write Always, or leave it out");
    if (text_at(spec_, "hostNetwork") != "true") return;
    if (held_ports(*sidecar_).empty())
      complain(*field(&spec_, "hostNetwork"), "hostNetwork", "true",
               "needs explicit ports, which no other pod of the node has; name them in the sidecar's ports");
  }

  const PodCase& pod_;
  const Value& spec_;
  const Value* sidecar_;
  bool is_init_ = false;
  std::string where_;
  std::vector<Finding> findings_;
};

}  // namespace

std::string Finding::message() const {
  return place + ": " + (value.empty() ? "absent" : value) + ": " + wrong_and_fix;
}

std::string Finding::text(std::string_view file_name) const {
  return std::string(file_name) + (line == 0 ? "" : ":" + std::to_string(line)) + ": " + message();
}

const Value* find_sidecar(const Value& spec) {
  for (const char* list : {"initContainers", "containers"}) {
    for (const Value& container : items_of(spec, list))
      if (text_at(container, "name") == kSidecarContainer) return &container;
  }
  return nullptr;
}

const Value* find_variable(const Value& container, std::string_view name) {
  for (const Value& variable : items_of(container, "env"))
    if (text_at(variable, "name") == name) return &variable;
  return nullptr;
}

bool is_launched(const Value& container) {
  const auto& command = items_of(container, "command");
  if (command.empty()) return false;
  const std::string& program = command.front().text;
  return program.substr(program.rfind('/') + 1) == "sidestep-launch";
}

std::set<std::int64_t> held_ports(const Value& sidecar) {
  std::set<std::int64_t> held;
  for (const Value& port : items_of(sidecar, "ports")) {
    const auto number = whole_number(text_at(port, "containerPort"));
    if (number && text_at(port, "name") != kControlPortName) held.insert(*number);
  }
  const Value* listen = find_variable(sidecar, "SIDESTEP_LISTEN");
  std::string rest = listen == nullptr ? std::string() : text_at(*listen, "value");
  while (!rest.empty()) {
    const std::size_t comma = std::min(rest.find(','), rest.size());
    const std::string address = rest.substr(0, comma);
    rest.erase(0, comma + 1);
    if (const auto number = whole_number(address.substr(address.rfind(':') + 1))) held.insert(*number);
  }
  return held;
}

std::int64_t grace_seconds_of(const Value& spec) {
  return whole_number(text_at(spec, "terminationGracePeriodSeconds")).value_or(kDefaultGraceSeconds);
}

std::vector<Finding> judge_pod(const PodCase& pod) { return PodJudge(pod).judge(); }

}  // namespace sidestep::policy
