// What people are told of pinned sources.
#include <algorithm>

#include "operator/core/pins.h"

namespace sidestep::op {
namespace {

using api::ConditionStatus;

constexpr std::size_t kMostPodsNamed = 5;

struct PinFinding {
  ConditionStatus status;
  Reason reason;
  std::string message;
};

PinFinding pinned(const Observed& observed) {
  const ObservedPins& seen = observed.pins;
  const policy::Triggers& triggers = observed.policy->spec.triggers;
  if (!seen.is_known && seen.problem.empty())
    return {ConditionStatus::kUnknown, Reason::kNotAsked, "the copies were not read yet"};
  if (!seen.is_known) {
    const std::string fix =
        seen.is_forbidden ? "; apply what kubectl sidestep rbac " + observed.policy_name + " prints" : "";
    return {ConditionStatus::kFalse, seen.is_forbidden ? Reason::kSourceForbidden : Reason::kSourceUnreadable,
            seen.problem + fix};
  }
  for (const ObservedPin& pin : seen.pins) {
    if (pin.kept.maker.empty())
      return {ConditionStatus::kFalse, Reason::kNotPinned,
              "no copy is kept yet of " + triggers.sources[pin.source].text() +
                  ", so new pods start with what it holds; the next reload that succeeds is kept"};
  }
  return {ConditionStatus::kTrue, Reason::kAllPinned, "new pods start with the copies that are kept"};
}

// "shop-1: ConfigMap/shop-config by container shop: envFrom".
std::vector<std::string> unpinnable(const Observed& observed) {
  std::vector<std::string> found;
  for (const ObservedPod& pod : observed.pods) {
    if (pod.is_terminating || !pod.has_sidecar) continue;
    for (const policy::Source& source : observed.policy->spec.triggers.sources) {
      if (!source.is_pinned()) continue;
      for (const FixedUse& use : pod.fixed_uses)
        if (use.source == source.text()) found.push_back(pod.name + ": " + use.source + " by " + use.how);
      const bool is_told = pod.reach == Reach::kReachable && pod.sidecar;
      const std::string staged = policy::staged_text(observed.policy_name, source);
      const auto reports = [&](const policy::SourceContent& each) { return each.source == staged; };
      if (is_told && std::none_of(pod.sidecar->sources.begin(), pod.sidecar->sources.end(), reports))
        found.push_back(pod.name + ": " + source.text() +
                        " by a pod without the copies' volumes; make it anew (kubectl rollout restart)");
    }
  }
  std::sort(found.begin(), found.end());
  return found;
}

PinFinding not_pinnable(const Observed& observed) {
  const std::vector<std::string> found = unpinnable(observed);
  if (found.empty())
    return {ConditionStatus::kFalse, Reason::kAllPinnable, "every pod has the pinned sources by their copies"};
  std::string text;
  for (std::size_t i = 0; i < std::min(found.size(), kMostPodsNamed); ++i)
    text += (i == 0 ? "" : "; ") + found[i];
  if (found.size() > kMostPodsNamed)
    text += "; and " + std::to_string(found.size() - kMostPodsNamed) + " more";
  return {ConditionStatus::kTrue, Reason::kSourceNotPinnable, text};
}

}  // namespace

void set_pin_conditions(const Observed& observed, std::vector<api::Condition>& conditions, WallTime now) {
  if (!has_pins(observed)) {
    std::erase_if(conditions, [](const api::Condition& each) {
      return each.type == condition::kSourcesPinned || each.type == condition::kSourceNotPinnable;
    });
    return;
  }
  const auto set = [&](const char* type, const PinFinding& finding) {
    set_condition(conditions, type, finding.status, to_string(finding.reason), finding.message,
                  observed.policy->meta.generation, now);
  };
  set(condition::kSourcesPinned, pinned(observed));
  set(condition::kSourceNotPinnable, not_pinnable(observed));
}

}  // namespace sidestep::op
