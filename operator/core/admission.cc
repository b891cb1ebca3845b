#include "operator/core/admission.h"

#include <algorithm>
#include <set>
#include <tuple>

namespace sidestep::op {
namespace {

// Asked for earlier or more important; both wait for the budget.
bool comes_before(const OtherReload& other, int priority, const api::ObjectMeta& ours) {
  return std::tuple(-other.priority, other.creation_time, other.uid) <
         std::tuple(-priority, ours.creation_time, ours.uid);
}

// Places of one namespace that are taken, and that could be before our turn.
struct Places {
  int running = 0;
  int before = 0;
};

// Those that their namespace's budget keeps back leave the cluster's places to others.
int kept_for_others(const std::map<std::string, Places>& namespaces, int most_in_namespace) {
  int kept = 0;
  for (const auto& [name, places] : namespaces) {
    const int room = most_in_namespace == 0 ? places.before : std::max(0, most_in_namespace - places.running);
    kept += places.running + std::min(places.before, room);
  }
  return kept;
}

std::optional<Obstacle> budget(const Observed& observed, const api::Reload& reload, int most,
                               bool in_namespace) {
  if (most == 0) return std::nullopt;
  std::map<std::string, Places> namespaces;
  for (const OtherReload& other : observed.others) {
    if (in_namespace && other.name_space != observed.name_space) continue;
    Places& places = namespaces[other.name_space];
    if (other.is_running)
      ++places.running;
    else if (comes_before(other, observed.policy->spec.priority, reload.meta))
      ++places.before;
  }
  if (kept_for_others(namespaces, observed.budget.in_namespace) < most) return std::nullopt;
  return Obstacle{Reason::kBudget, std::string(in_namespace ? "the namespace" : "the cluster") +
                                       " runs at most " + std::to_string(most) +
                                       " reloads at a time; this one waits"};
}

std::optional<Obstacle> order(const Observed& observed, const api::Reload& reload) {
  for (const Dependency& on : observed.dependencies) {
    if (on.is_cycle)
      return Obstacle{Reason::kDependency,
                      "spec.dependsOn: " + on.policy + " depends on this policy too; remove one of the two"};
    if (!on.exists)
      return Obstacle{Reason::kDependency, "spec.dependsOn: there is no ReloadPolicy " + on.policy +
                                               " in this namespace; create it or remove the name"};
    if (!on.unfinished.empty())
      return Obstacle{Reason::kDependency,
                      "waits for the end of " + on.unfinished + " of policy " + on.policy};
    if (on.failed_at && *on.failed_at >= reload.meta.creation_time)
      return Obstacle{Reason::kDependency, "the last reload of policy " + on.policy +
                                               " did not succeed; retry it, or abort this one"};
  }
  return std::nullopt;
}

std::optional<Obstacle> interval(const Observed& observed, const api::Reload* last, WallTime now) {
  const Seconds least = observed.policy->spec.guards.minimum_interval;
  if (least.count() == 0 || last == nullptr || !last->status.end_time) return std::nullopt;
  const WallTime due = *last->status.end_time + least;
  if (now >= due) return std::nullopt;
  return Obstacle{Reason::kMinimumInterval, "the next reload may start at " + format_time(due)};
}

// It waits for as long as the policy is suspended, which may be for good.
bool is_shelved(const api::Reload& reload, const api::ReloadPolicy* policy) {
  return policy != nullptr && policy->spec.suspend && !reload.status.start_time;
}

}  // namespace

std::optional<Obstacle> admission_of(const Observed& observed, const api::Reload& reload,
                                     const api::Reload* last, WallTime now) {
  if (auto waits = interval(observed, last, now)) return waits;
  if (auto waits = order(observed, reload)) return waits;
  if (auto waits = budget(observed, reload, observed.budget.in_namespace, true)) return waits;
  return budget(observed, reload, observed.budget.in_cluster, false);
}

bool stands_in_line(const api::Reload& reload, const api::ReloadPolicy* policy) {
  if (is_final(reload.status.phase) || reload.status.start_time || is_shelved(reload, policy)) return false;
  const api::Condition* progress = find_condition(reload.status.conditions, condition::kProgressing);
  return progress != nullptr && progress->reason == to_string(Reason::kBudget);
}

Dependency dependency_of(const std::string& name, const api::ReloadPolicy* policy,
                         const std::vector<api::Reload>& reloads) {
  Dependency out;
  out.policy = name;
  out.exists = policy != nullptr;
  const api::Reload* last = nullptr;
  for (const api::Reload& reload : reloads) {
    if (!is_final(reload.status.phase)) {
      if (!is_shelved(reload, policy)) out.unfinished = reload.meta.name;
    } else if (reload.status.start_time &&
               (last == nullptr || last->status.end_time < reload.status.end_time)) {
      last = &reload;
    }
  }
  if (policy != nullptr && out.unfinished.empty()) {
    const api::ReloadPolicyStatus& status = policy->status;
    // Nobody makes a Reload of what it says then.
    const bool is_still = policy->spec.suspend || policy->spec.triggers.sources.empty();
    const bool is_settled = is_still || status.desired_hash == status.applied_hash ||
                            status.desired_hash == status.attempted_hash;
    if (!is_settled) out.unfinished = "a change";
  }
  if (last != nullptr && last->status.phase != api::ReloadPhase::kSucceeded)
    out.failed_at = last->status.end_time;
  return out;
}

bool reaches(const std::map<std::string, std::vector<std::string>>& graph, const std::string& from,
             const std::string& to) {
  std::set<std::string> seen;
  std::vector<std::string> left{from};
  while (!left.empty()) {
    const std::string name = left.back();
    left.pop_back();
    if (name == to) return true;
    const auto next = graph.find(name);
    if (!seen.insert(name).second || next == graph.end()) continue;
    left.insert(left.end(), next->second.begin(), next->second.end());
  }
  return false;
}

}  // namespace sidestep::op
