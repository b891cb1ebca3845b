// The verb uninstall. --check says what of Sidestep is still in the cluster, and changes nothing. --prepare,
// which the chart's hook runs, ends what runs and leaves nothing behind that waits for an operator; it never
// waits for longer than its timeout, whoever is gone already.
#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>

#include "operator/api/wire.h"
#include "operator/cli/commands.h"

namespace sidestep::op::cli {
namespace {

using k8s::Json;

const k8s::Resource kDefinitions{"apiextensions.k8s.io/v1", "customresourcedefinitions"};
const k8s::Resource kWebhooks{"admissionregistration.k8s.io/v1", "mutatingwebhookconfigurations"};
const k8s::Resource kAdmission{"admissionregistration.k8s.io/v1", "validatingadmissionpolicies"};
const k8s::Resource kBindings{"admissionregistration.k8s.io/v1", "validatingadmissionpolicybindings"};
constexpr std::size_t kMostListed = 50;  // of a kind
constexpr Millis kLookAtEnds{500};
constexpr int kTriesToRelease = 5;  // when somebody else writes the object at the same moment
constexpr const char* kLeaving = "the operator is being uninstalled";

struct Named {
  const k8s::Resource& resource;
  const char* name;
};
const Named kOurs[] = {{kDefinitions, "reloadpolicies.sidestep.dev"},
                       {kDefinitions, "reloads.sidestep.dev"},
                       {kWebhooks, "sidestep-operator"},
                       {kAdmission, "sidestep-operator-pods"},
                       {kAdmission, "sidestep-reloads"},
                       {kBindings, "sidestep-operator-pods"},
                       {kBindings, "sidestep-reloads"}};

std::string home_of(const api::ObjectMeta& meta) { return meta.name_space + "/" + meta.name; }

// What was found of one kind, and what to do about it.
std::string section(const std::string& title, const std::set<std::string>& found, const std::string& advice) {
  if (found.empty()) return {};
  std::string text = title + ": " + std::to_string(found.size()) + "; " + advice + "\n";
  std::size_t listed = 0;
  for (const std::string& each : found)
    if (listed++ < kMostListed) text += "  " + each + "\n";
  if (listed > kMostListed) text += "  and " + std::to_string(listed - kMostListed) + " more\n";
  return text;
}

// One that has not started holds nothing.
bool waits_for_operator(const api::Reload& reload) {
  return reload.meta.has_finalizer() || (reload.status.start_time && !api::is_final(reload.status.phase));
}

}  // namespace

std::string Commands::uninstalled_namespace() const {
  return options_.all_namespaces ? "" : options_.name_space;
}

Exit Commands::uninstall_check() {
  // A list that begins again gives its objects twice.
  std::set<std::string> ours, finalizers, policies, pods, unseen;
  const auto note_unseen = [&](const Error& error) {
    if (error.kind != ErrorKind::kNotFound) unseen.insert(error.detail);  // not even the kind is known
  };
  for (const Named& each : kOurs) {
    const auto found = client_.get({each.resource, "", each.name});
    if (found)
      ours.insert(each.resource.plural + "/" + each.name);
    else
      note_unseen(found.error());
  }
  const auto look = [&](const char* plural, std::set<std::string>* all) {
    const auto each = [&](Json&& object) {
      const auto meta = api::meta_from_json(object);
      if (!meta) return;
      if (all != nullptr) all->insert(home_of(*meta));
      if (meta->has_finalizer()) finalizers.insert(std::string(plural) + " " + home_of(*meta));
    };
    const auto listed = client_.list({{api::kGroupVersion, plural}, uninstalled_namespace(), ""}, {}, each);
    if (!listed) note_unseen(listed.error());
  };
  look("reloadpolicies", &policies);
  look("reloads", nullptr);
  std::map<std::string, std::set<std::string>> by_namespace;
  const auto listed = client_.list({{"v1", "pods"}, uninstalled_namespace(), ""}, {}, [&](Json&& pod) {
    const auto meta = api::meta_from_json(pod);
    if (meta && control_port(pod) != 0) by_namespace[meta->name_space].insert(meta->name);
  });
  if (!listed) note_unseen(listed.error());
  for (const auto& [name, found] : by_namespace) pods.insert(name + ": " + std::to_string(found.size()));
  const std::string text =
      section("objects of the cluster", ours,
              "definitions stay with their policies until they are deleted, the others go with the release") +
      section("finalizers", finalizers,
              "they go when the operator has taken candidates back; without one, see docs/uninstall.md") +
      section("policies", policies, "kubectl delete reloadpolicies --all --all-namespaces") +
      section("namespaces with pods that have the sidecar", pods,
              "they go on serving; a rollout without the label sidestep.dev/inject removes it");
  around_.out(text.empty() && unseen.empty() ? "nothing of Sidestep is left\n" : text);
  for (const std::string& line : unseen) around_.notes("not seen: " + line);
  if (!unseen.empty()) return Exit::kRefused;
  return text.empty() ? Exit::kSucceeded : Exit::kFailed;
}

// Aborts what is not over. How many Reloads still wait for the operator.
Result<std::size_t> Commands::end_reloads() {
  std::map<std::string, api::Reload> found;
  const k8s::ObjectRef all{{api::kGroupVersion, "reloads"}, uninstalled_namespace(), ""};
  const auto listed = client_.list(all, {}, [&](Json&& object) {
    auto reload = api::reload_from_json(object);
    if (!reload || (api::is_final(reload->status.phase) && !reload->meta.has_finalizer())) return;
    found[home_of(reload->meta)] = *std::move(reload);
  });
  if (!listed && listed.error().kind == ErrorKind::kNotFound) return std::size_t{0};
  if (!listed) return listed.error();
  std::size_t left = 0;
  for (const auto& [home, reload] : found) {
    left += waits_for_operator(reload) ? 1 : 0;
    const bool is_told = !reload.meta.annotation(api::kAbortAnnotation).empty();
    if (is_told || api::is_final(reload.status.phase)) continue;
    const Json patch = {{"metadata", {{"annotations", {{api::kAbortAnnotation, kLeaving}}}}}};
    const auto told = client_.merge_patch({all.resource, reload.meta.name_space, reload.meta.name}, patch);
    if (!told && told.error().kind != ErrorKind::kNotFound) return told.error();
  }
  return left;
}

// Of that object; what others have put there stays.
Status Commands::release(const k8s::ObjectRef& ref) {
  for (int attempt = 1;; ++attempt) {
    const auto object = client_.get(ref);
    if (!object) return object.error().kind == ErrorKind::kNotFound ? Status() : Status(object.error());
    const auto meta = api::meta_from_json(*object);
    if (!meta) return meta.error();
    std::vector<std::string> finalizers = meta->finalizers;
    if (std::erase(finalizers, api::kReloadFinalizer) == 0) return {};
    const Json patch = {
        {"metadata", {{"resourceVersion", meta->resource_version}, {"finalizers", finalizers}}}};
    const auto written = client_.merge_patch(ref, patch);
    if (written || written.error().kind == ErrorKind::kNotFound) return {};
    if (written.error().kind != ErrorKind::kConflict || attempt == kTriesToRelease) return written.error();
  }
}

Result<std::size_t> Commands::release_all(const char* plural) {
  std::map<std::string, api::ObjectMeta> held;
  const k8s::Resource resource{api::kGroupVersion, plural};
  const auto listed = client_.list({resource, uninstalled_namespace(), ""}, {}, [&](Json&& object) {
    const auto meta = api::meta_from_json(object);
    if (meta && meta->has_finalizer()) held[home_of(*meta)] = *meta;
  });
  if (!listed && listed.error().kind == ErrorKind::kNotFound) return std::size_t{0};
  if (!listed) return listed.error();
  for (const auto& [home, meta] : held)
    if (const auto gone = release({resource, meta.name_space, meta.name}); !gone) return gone.error();
  return held.size();
}

Exit Commands::uninstall_prepare() {
  const TimePoint give_up = around_.clock.steady() + options_.timeout;
  // First, so that pods are made again even if nothing else works.
  const auto webhook =
      options_.all_namespaces ? client_.remove({kWebhooks, "", "sidestep-operator"}) : Status();
  if (!webhook) around_.notes("the webhook stays: " + webhook.error().detail);
  std::optional<std::size_t> before;
  for (TimePoint heard = around_.clock.steady();;) {
    const auto left = end_reloads();
    const TimePoint now = around_.clock.steady();
    if (left) heard = now, before = before.value_or(*left);
    const bool is_lost = !left && (exit_of(left.error()) != Exit::kUnreachable ||
                                   now - heard > kApiPatience || now >= give_up);
    if (is_lost) around_.notes("reloads do not end: " + left.error().detail);
    if (is_lost || (left && *left == 0) || now >= give_up) break;
    around_.wait(kLookAtEnds);
  }
  std::size_t released = 0;
  for (const char* plural : {"reloads", "reloadpolicies"}) {
    const auto count = release_all(plural);
    if (!count) return fail(count.error());
    released += *count;
  }
  around_.out(std::to_string(before.value_or(0)) + " reloads were under way; " + std::to_string(released) +
              " finalizers were removed that no operator removed in time\n");
  return Exit::kSucceeded;
}

}  // namespace sidestep::op::cli
