// Pinned sources: when the operator makes copies of them, and which copy becomes which (lib/policy/pins.h).
// Pure.
//
// A reload of pinned sources runs with a copy that was staged for it before it began, so that all its pods get
// the same content, whatever the sources hold meanwhile. With the first pod that is promoted there is no way
// back, and the staged copy becomes the kept one; what was kept becomes the previous one. At first sight the
// sources' own content is kept. Each step may be repeated, and done by another operator.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "operator/core/conditions.h"
#include "operator/core/observed.h"
#include "operator/core/plan.h"
#include "operator/core/queue.h"

namespace sidestep::op {

// REQUIRES (all): observed.policy.
bool has_pins(const Observed& observed);

// What must be copied before the reload may begin.
struct Staging {
  std::vector<Action> actions;      // empty: it is staged, or nothing is pinned
  std::optional<Obstacle> waits;    // copies or sources are not known
  std::optional<Obstacle> refused;  // there is no such content, and will not be
};
Staging staging_of(const Observed& observed, const api::Reload& reload);

// The hash of what the reload brings to pods, now: of its own staged copies, once they are there.
std::string wanted_hash(const Observed& observed, const api::Reload& reload);

// Reload.status.configHash: what its candidates get. "" for a single pod: it is no news about the others.
std::string config_hash_of(const Observed& observed, const api::Reload& reload);

// What is left to be done so that the content of this reload is the kept one.
std::vector<Action> keep_staged(const Observed& observed, const api::Reload& reload);

// What else is left to be done while no reload runs: the first copies, and what an operator that died left.
// `applied`: the hash of what the pods run.
std::vector<Action> settle_pins(const Observed& observed, const Queue& queue, const std::string& applied);

// Reloads of single pods that were born before the last reload ended and were not ready for it: they run what was
// kept before. One for each pod, with what is kept now.
std::vector<CreateReload> late_pods(const Observed& observed, const Queue& queue);

// Conditions SourcesPinned and SourceNotPinnable; none without pinned sources.
void set_pin_conditions(const Observed& observed, std::vector<api::Condition>& conditions, WallTime now);

}  // namespace sidestep::op
