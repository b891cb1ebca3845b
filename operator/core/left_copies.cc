#include "operator/core/left_copies.h"

#include <algorithm>

#include "operator/api/pinned.h"

namespace sidestep::op {
namespace {

constexpr std::size_t kMostMountsNamed = 5;

bool is_gone(const LeftPin& left) { return left.is_known && left.copies.empty(); }

std::string names(const std::vector<std::string>& pods) {
  std::string text;
  for (std::size_t i = 0; i < std::min(pods.size(), kMostMountsNamed); ++i)
    text += (i == 0 ? "" : ", ") + pods[i];
  if (pods.size() > kMostMountsNamed)
    text += " and " + std::to_string(pods.size() - kMostMountsNamed) + " more";
  return text;
}

Obstacle why_left(const Observed& observed, const LeftPin& left) {
  const std::string source = left.source.text();
  if (!left.mounted_by.empty())
    return {Reason::kStillMounted, source + " is pinned no longer, and its copies are mounted by " +
                                       names(left.mounted_by) +
                                       "; make the pods anew without them (take the volumes out of the pod "
                                       "template if they stand in it, "
                                       "then kubectl rollout restart)"};
  const std::string cannot = "the copies of " + source + ", which is pinned no longer, cannot be removed: ";
  if (left.is_forbidden)
    return {Reason::kSourceForbidden,
            cannot + left.problem + "; apply what kubectl sidestep rbac " + observed.policy_name + " prints"};
  if (!left.problem.empty()) return {Reason::kSourceUnreadable, cannot + left.problem};
  return {Reason::kRemoving,
          source + " is pinned no longer; its copies go as soon as no reload is under way"};
}

}  // namespace

std::vector<std::string> sources_with_copies(const Observed& observed) {
  const api::ReloadPolicy& policy = *observed.policy;
  if (!policy.spec_error.empty()) return policy.status.pinned_sources;
  std::vector<std::string> sources;
  for (const policy::Source& source : policy.spec.triggers.sources)
    if (source.is_pinned()) sources.push_back(source.text());
  for (const policy::Source& source : api::unpinned_sources(policy)) {
    const bool is_over = std::any_of(observed.left.begin(), observed.left.end(), [&](const LeftPin& left) {
      return left.source.text() == source.text() && is_gone(left);
    });
    if (!is_over) sources.push_back(source.text());
  }
  if (sources.size() > api::kMostPinnedSources) sources.resize(api::kMostPinnedSources);
  return sources;
}

std::vector<RemoveCopy> copies_to_remove(const Observed& observed, const Queue& queue) {
  std::vector<RemoveCopy> removals;
  if (queue.running != nullptr || queue.next != nullptr) return removals;
  for (const LeftPin& left : observed.left) {
    if (!left.is_known || !left.mounted_by.empty()) continue;
    for (const LeftCopy& copy : left.copies) removals.push_back({copy});
  }
  return removals;
}

void set_left_condition(const Observed& observed, std::vector<api::Condition>& conditions, WallTime now) {
  const auto left = std::find_if(observed.left.begin(), observed.left.end(),
                                 [](const LeftPin& each) { return !is_gone(each); });
  if (left == observed.left.end()) {
    std::erase_if(conditions, [](const api::Condition& each) { return each.type == condition::kCopiesLeft; });
    return;
  }
  const Obstacle why = why_left(observed, *left);
  set_condition(conditions, condition::kCopiesLeft, api::ConditionStatus::kTrue, to_string(why.reason),
                why.message, observed.policy->meta.generation, now);
}

}  // namespace sidestep::op
