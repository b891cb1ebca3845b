// Copies of sources that are pinned no longer: which may go now, and what people are told of those that stay.
// Pure.
//
// A copy goes when no pod mounts it and no reload of the policy waits or runs. A pod's volumes are what
// counts, not what the policy says: its app would lose its files. Names come from the policy's status
// (operator/api/pinned.h), since rights are by name and nothing may be listed.
#pragma once

#include <string>
#include <vector>

#include "operator/core/conditions.h"
#include "operator/core/observed.h"
#include "operator/core/plan.h"
#include "operator/core/queue.h"

namespace sidestep::op {

// REQUIRES (all): observed.policy.
// ReloadPolicyStatus::pinned_sources from now on. Sources enter it before their first copy is made.
std::vector<std::string> sources_with_copies(const Observed& observed);

std::vector<RemoveCopy> copies_to_remove(const Observed& observed, const Queue& queue);

// Condition CopiesLeft; none when there are none.
void set_left_condition(const Observed& observed, std::vector<api::Condition>& conditions, WallTime now);

}  // namespace sidestep::op
