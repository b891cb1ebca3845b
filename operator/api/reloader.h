// The annotations of Stakater Reloader on a workload, or on its pod template: which ConfigMaps and Secrets they
// name. Pure.
//
// Understood: reloader.stakater.com/auto, configmap. and secret.reloader.stakater.com/auto and /reload ("a,b"),
// configmaps.exclude. and secrets.exclude.reloader.stakater.com/reload. Not: search and match, and patterns in
// names.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <vector>

#include "lib/policy/triggers.h"

namespace sidestep::api {

// At most policy::kMostSources of each kind, ConfigMaps first, in the order of their names. What injection
// brought is left out.
std::vector<policy::Source> reloader_sources(const nlohmann::json& workload);

// Those of `more` that are not named yet are added, while there is room.
void add_sources(std::vector<policy::Source>& sources, const std::vector<policy::Source>& more);

}  // namespace sidestep::api
