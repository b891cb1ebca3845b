// Whether a Reload that could start may start now, with regard to others: the budget of the cluster and of
// its namespace, the order between workloads, and the minimum interval. Pure.
//
// Who comes next is the same for everybody who looks: those that run keep their place, then the higher
// priority, then who asked first. Two policies decided at the same moment from caches that differ could still
// both start; io/slots.h, asked when the plan is applied, lets one of them.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "operator/core/conditions.h"
#include "operator/core/observed.h"

namespace sidestep::op {

// Absent: it may start. Otherwise what it waits for. `last`: of the policy's Reloads that
// started, the one that ended last, or null.
std::optional<Obstacle> admission_of(const Observed& observed, const api::Reload& reload,
                                     const api::Reload* last, WallTime now);

// Whether a Reload that has not started waits for the budget alone, and so comes before those that ask later.
// One of a suspended policy (null: there is none) does not.
bool stands_in_line(const api::Reload& reload, const api::ReloadPolicy* policy);

// What the Reloads of that policy (null: there is none) say about it. Of a suspended one those that have not
// started do not count: nobody knows when they will, and dependents go on without them.
Dependency dependency_of(const std::string& name, const api::ReloadPolicy* policy,
                         const std::vector<api::Reload>& reloads);

// Whether `from` waits for `to`, be it through others. `graph`: policy → those it depends on.
bool reaches(const std::map<std::string, std::vector<std::string>>& graph, const std::string& from,
             const std::string& to);

}  // namespace sidestep::op
