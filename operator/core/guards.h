// What the guards of a policy say about one of its Reloads that has not started: windows and freezes let it
// start now or later, people approve it or do not. Pure.
//
// What is approved is one Reload (its spec is immutable) with what it brings to the pods, be it an earlier content: what the named
// ConfigMaps and Secrets held when the operator first saw it: that hash stands in its status from then on. While they hold something else it
// does not start, however many have approved; the change makes a Reload of its own, which asks anew.
#pragma once

#include <optional>
#include <string>

#include "operator/core/conditions.h"
#include "operator/core/observed.h"

namespace sidestep::op {

struct GuardVerdict {
  api::ConditionStatus status = api::ConditionStatus::kUnknown;
  Reason reason = Reason::kNotAsked;
  std::string message;
};

struct GuardLook {
  std::optional<GuardVerdict> window;    // absent: the policy has neither windows nor freezes
  std::optional<GuardVerdict> approved;  // absent: it asks for no approvals
  std::string asked_hash;                // of the sources, for which approval is asked; "" when none is
  bool is_too_late = false;              // the deadline for approvals has passed
  std::optional<WallTime> changes_at;    // by time alone

  // What the start waits for; null when nothing.
  const GuardVerdict* waits_for() const;
};

// REQUIRES: observed.policy.
GuardLook look_at_guards(const Observed& observed, const api::Reload& reload, WallTime now);
// Puts the look into the status of a Reload that has not started, or is to start.
void note_guards(const GuardLook& look, api::ReloadStatus& status, std::int64_t generation, WallTime now);

// Of a Reload that runs: the sources hold something else than what was approved, so that no further pod may
// start with it. False for policies that ask for no approvals.
bool has_left_approval(const Observed& observed, const api::Reload& reload, const api::ReloadStatus& status);

}  // namespace sidestep::op
