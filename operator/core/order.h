// Which pods of a fleet come first. Pure.
//
// StatefulSet: from the highest ordinal down, as its own controller does. DaemonSet: by the node's name.
// Others: spread over zones, and in a zone the pod with the least traffic, so that a canary that is bad meets
// the fewest requests. A zone is the pod's label topology.kubernetes.io/zone, which the API server sets since
// Kubernetes 1.33 (KEP-4742); where it does not, the node stands for it, so that no right to read nodes is
// needed.
#pragma once

#include <string>
#include <vector>

#include "operator/core/fleet.h"

namespace sidestep::op {

// `free`, the first to start first; pods that were refreshed for the reload keep their place in front.
std::vector<const Member*> in_order(const Observed& observed, const Fleet& fleet,
                                    std::vector<const Member*> free, WallTime now);

// The number at the end of a StatefulSet pod's name: 12 of "shop-12"; -1: there is none.
int ordinal_of(const std::string& pod_name);

}  // namespace sidestep::op
