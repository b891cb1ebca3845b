// Whether the operator may call the addresses that a policy's analysis names. Pure.
//
// Whoever may write a policy in one namespace would otherwise make the operator call any address that it can
// reach (server-side request forgery): the cloud's metadata service, the API server's neighbours, admin pages
// that trust the cluster's network. So nothing is called but what the operator's owner has listed.
#pragma once

#include <optional>

#include "operator/core/conditions.h"

namespace sidestep::op {

// The first address that is not allowed, with the flag that would; absent when all are. REQUIRES:
// observed.policy.
std::optional<Obstacle> address_not_allowed(const Observed& observed);

}  // namespace sidestep::op
