#include "operator/core/disruption.h"

#include <algorithm>

namespace sidestep::op {
namespace {

bool covers(const DisruptionBudget& budget, const std::string& uid) {
  return std::find(budget.pods.begin(), budget.pods.end(), uid) != budget.pods.end();
}

// It may be without an app this moment.
bool is_disrupted(const Member& member) {
  const bool is_silent = member.stance == Stance::kUnreachable && member.refreshed_at;
  return is_silent || member.stance == Stance::kStarting;
}

}  // namespace

Disruptions::Disruptions(const Observed& observed, const Fleet& fleet) {
  if (observed.policy->spec.strategy.type == policy::StrategyType::kOverlap) return;
  for (const DisruptionBudget& seen : observed.disruption_budgets) {
    int left = seen.is_known ? seen.allowed : 0;
    for (const Member& member : fleet.members)
      if (is_disrupted(member) && covers(seen, member.pod->uid)) --left;
    budgets_.push_back({&seen, left});
  }
}

bool Disruptions::try_take(const ObservedPod& pod) {
  for (const Budget& budget : budgets_) {
    if (!covers(*budget.seen, pod.uid) || budget.left > 0) continue;
    refusal_ = "PodDisruptionBudget " + budget.seen->name;
    if (budget.seen->is_known)
      refusal_ += " lets no further pod be unavailable (disruptionsAllowed " +
                  std::to_string(budget.seen->allowed) + ")";
    else
      refusal_ += " is not up to date: its status was not computed for its newest spec";
    return false;
  }
  for (Budget& budget : budgets_)
    if (covers(*budget.seen, pod.uid)) --budget.left;
  return true;
}

}  // namespace sidestep::op
