// The verbs that only look back: history, support-bundle.
#include <nlohmann/json.hpp>

#include "operator/api/wire.h"
#include "operator/cli/commands.h"
#include "operator/cli/render.h"
#include "operator/cli/support.h"

namespace sidestep::op::cli {
namespace {

constexpr std::size_t kMostObjects = 500;  // of each kind

struct Section {
  const char* name;
  k8s::ObjectRef ref;
};

}  // namespace

Exit Commands::history() {
  const auto policy = get_policy(options_.name);
  if (!policy) return fail(policy.error());
  auto reloads = reloads_of(options_.name);
  if (!reloads) return fail(reloads.error());
  if (reloads->empty()) {
    around_.notes("policy " + options_.name + " has no reloads yet");
    return Exit::kSucceeded;
  }
  around_.out(history_table(*std::move(reloads), around_.clock.wall()));
  return Exit::kSucceeded;
}

// One list of each kind; what may not be read says so in its place.
Exit Commands::support_bundle() {
  const std::string& home = options_.name_space;
  const std::string& ours = options_.account.name_space;
  const std::vector<Section> sections{{"reloadPolicies", {{api::kGroupVersion, "reloadpolicies"}, home, ""}},
                                      {"reloads", {{api::kGroupVersion, "reloads"}, home, ""}},
                                      {"deployments", {{"apps/v1", "deployments"}, home, ""}},
                                      {"statefulSets", {{"apps/v1", "statefulsets"}, home, ""}},
                                      {"daemonSets", {{"apps/v1", "daemonsets"}, home, ""}},
                                      {"pods", {{"v1", "pods"}, home, ""}},
                                      {"events", {{"events.k8s.io/v1", "events"}, home, ""}},
                                      {"operatorDeployments", {{"apps/v1", "deployments"}, ours, ""}},
                                      {"operatorPods", {{"v1", "pods"}, ours, ""}},
                                      {"leases", {{"coordination.k8s.io/v1", "leases"}, ours, ""}},
                                      {"operatorEvents", {{"events.k8s.io/v1", "events"}, ours, ""}}};
  k8s::Json bundle = {{"kind", "SidestepSupportBundle"},
                      {"version", SIDESTEP_VERSION},
                      {"time", format_time(around_.clock.wall())},
                      {"namespace", home}};
  for (const Section& section : sections) {
    k8s::Json objects = k8s::Json::array();
    bool is_cut = false;
    const auto listed = client_.list(
        section.ref, {},
        [&](k8s::Json&& object) {
          is_cut = objects.size() == kMostObjects;
          if (!is_cut) objects.push_back(scrubbed(std::move(object)));
        },
        [&objects] { objects.clear(); });
    if (!listed && exit_of(listed.error()) == Exit::kUnreachable) return fail(listed.error());
    if (!listed) around_.notes("left out: " + listed.error().detail);
    bundle[section.name] = listed ? objects : k8s::Json{{"error", listed.error().detail}};
    if (is_cut) bundle["cut"].push_back(section.name);
  }
  around_.out(bundle.dump(2) + "\n");
  return Exit::kSucceeded;
}

}  // namespace sidestep::op::cli
