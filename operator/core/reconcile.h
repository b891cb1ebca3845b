// The operator's one decision function: what to do about a policy and its Reloads, given all that is known
// and the time. Pure and total: no I/O, no clock, an answer for every input.
//
// - A token in the annotation sidestep.dev/reload (policy or workload) makes one Reload; at the first visit
// it is
//   adopted without one; a token seen before does nothing; its removal does nothing.
// - One Reload runs at a time; of several that wait the newest runs and the others end as Superseded.
// - Records are written before the commands that follow from them; after a restart a run goes on from what
// its status
//   and the sidecars report.
#pragma once

#include "operator/core/observed.h"
#include "operator/core/plan.h"

namespace sidestep::op {

Plan reconcile(const Observed& observed, WallTime now);

// After a plan that the API server refused: the status that says so. REQUIRES: observed.policy and
// observed.refused_write.
Plan report_refusal(const Observed& observed, WallTime now);

}  // namespace sidestep::op
