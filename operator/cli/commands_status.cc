// The verb status: policies, or one with its reloads and its pods, once or whenever something changed.
#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

#include "operator/api/wire.h"
#include "operator/cli/commands.h"
#include "operator/cli/render.h"
#include "operator/cli/why.h"

namespace sidestep::op::cli {
namespace {

constexpr Millis kWatch{1'000};  // between two looks of status --watch
constexpr std::size_t kMostPodsAsked = 20;

}  // namespace

// On a terminal the picture is replaced; elsewhere each change is printed below the one before it.
void Commands::show(std::string text, std::string& shown) {
  if (text == shown) return;
  const char* begin = !options_.watch ? "" : options_.is_terminal ? kClear : shown.empty() ? "" : "\n";
  around_.out(begin + text);
  shown = std::move(text);
}

Exit Commands::watch_status() {
  const TimePoint give_up = around_.clock.steady() + options_.timeout;
  TimePoint heard = around_.clock.steady();
  std::string shown;
  while (true) {
    const Exit exit = options_.name.empty() ? status_of_all(shown) : status(shown);
    const TimePoint now = around_.clock.steady();
    if (exit != Exit::kUnreachable) heard = now;
    const bool is_lost =
        exit != Exit::kSucceeded && (exit != Exit::kUnreachable || now - heard > kApiPatience);
    if (!options_.watch || is_lost || now >= give_up) return exit;
    around_.wait(kWatch);
  }
}

Exit Commands::status_of_all(std::string& shown) {
  std::vector<api::ReloadPolicy> policies;
  k8s::Json objects = k8s::Json::array();
  k8s::ObjectRef all = policy_ref("");
  if (options_.all_namespaces) all.name_space.clear();
  const auto listed = client_.list(
      all, {},
      [&](k8s::Json&& object) {
        if (auto policy = api::policy_from_json(object)) policies.push_back(*std::move(policy));
        if (options_.as_json) objects.push_back(std::move(object));
      },
      [&] { policies.clear(), objects = k8s::Json::array(); });
  if (!listed) return fail(listed.error());
  if (options_.as_json) {
    show(k8s::Json{{"apiVersion", "v1"}, {"kind", "List"}, {"items", objects}}.dump(2) + "\n", shown);
  } else if (policies.empty()) {
    around_.notes("no ReloadPolicies found" +
                  (options_.all_namespaces ? "" : " in namespace " + options_.name_space));
  } else {
    show(policies_table(policies, options_.all_namespaces), shown);
  }
  return Exit::kSucceeded;
}

Exit Commands::status(std::string& shown) {
  const auto object = client_.get(policy_ref(options_.name));
  if (!object) return fail(object.error());
  if (options_.as_json) {
    show(object->dump(2) + "\n", shown);
    return Exit::kSucceeded;
  }
  const auto policy = api::policy_from_json(*object);
  if (!policy) return fail(policy.error());
  const auto reloads = reloads_of(options_.name);
  if (!reloads) return fail(reloads.error());
  show(policy_text(*policy, *reloads, around_.clock.wall()) + pods_text(*policy), shown);
  return Exit::kSucceeded;
}

// The labels that the policy's pods carry; nothing when its workload cannot be read.
std::optional<std::string> Commands::pod_labels(const api::ReloadPolicy& policy) {
  std::map<std::string, std::string> labels(policy.spec.selector.begin(), policy.spec.selector.end());
  if (const auto& target = policy.spec.target_ref) {
    const auto workload = get_workload(*target);
    if (!workload) return std::nullopt;
    labels = workload->value(k8s::Json::json_pointer("/spec/selector/matchLabels"), labels);
  }
  std::string text;
  for (const auto& [key, value] : labels) text += (text.empty() ? "" : ",") + key + "=" + value;
  return text;
}

// What the sidecars themselves show, by way of the API server: it needs the right to get pods/proxy. Without
// a right, or without pods, there is no table.
std::string Commands::pods_text(const api::ReloadPolicy& policy) {
  const auto labels = pod_labels(policy);
  if (!labels || labels->empty()) return "";
  std::vector<k8s::Json> pods;
  const k8s::ObjectRef all{{"v1", "pods"}, options_.name_space, ""};
  const auto listed = client_.list(
      all, {.label_selector = *labels},
      [&](k8s::Json&& pod) {
        if (control_port(pod) != 0 && policy_of_pod(pod, {policy}) != nullptr) pods.push_back(std::move(pod));
      },
      [&pods] { pods.clear(); });
  if (!listed || pods.empty()) return "";
  const std::size_t more = pods.size() - std::min(pods.size(), kMostPodsAsked);
  pods.resize(pods.size() - more);
  std::vector<PodView> views;
  for (const k8s::Json& pod : pods) views.push_back(ask_pod(pod));
  return "\n" + pods_table(views) + (more > 0 ? "and " + std::to_string(more) + " more pods\n" : "");
}

PodView Commands::ask_pod(const k8s::Json& pod) {
  PodView view = pod_view(pod);
  const std::string port = std::to_string(control_port(pod));
  const auto text =
      client_.get_text({{"v1", "pods"}, options_.name_space, view.name + ":" + port, "proxy/metrics"});
  if (text)
    add_metrics(*text, view);
  else
    view.note = text.error().kind == ErrorKind::kRefused ? "no right to get pods/proxy" : "no answer";
  return view;
}

}  // namespace sidestep::op::cli
