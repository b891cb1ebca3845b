// In which ways the containers of a pod have ConfigMaps and Secrets that the kubelet never brings up to date, or
// that no copy can stand in for: environment, subPath, projected volumes. Pure.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <vector>

#include "operator/core/observed.h"

namespace sidestep::op {

// Of all containers but the sidecar; at most kMostFixedUses.
inline constexpr std::size_t kMostFixedUses = 32;
std::vector<FixedUse> fixed_uses(const nlohmann::json& pod_spec);

}  // namespace sidestep::op
