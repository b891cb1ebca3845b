// ReloadPolicyStatus::pinned_sources: the sources of which copies were made, as "ConfigMap/shop-config". The
// operator's rights to copies are by name, so that no list tells which there are; this one does. Pure.
#pragma once

#include <string>
#include <vector>

#include "operator/api/reload_policy.h"

namespace sidestep::api {

// What is beyond leaves the list, the oldest first: its copies stay until the policy goes.
inline constexpr std::size_t kMostPinnedSources = 64;

// Those of the list that the policy pins no longer. None while its spec cannot be read: nothing is known
// then.
std::vector<policy::Source> unpinned_sources(const ReloadPolicy& policy);

}  // namespace sidestep::api
