// One turn of a reload that runs: which pods get a candidate, a weight, a promotion, or are taken back. Pure.
//
// phase        | goes to
// Progressing  | Paused (annotation, template rollout), RollingBack (a pod failed, abort, deadline),
// Succeeded Paused       | Progressing (resumed), RollingBack (as above), Aborted (all its pods were
// replaced) RollingBack  | Failed or Aborted, once no candidate is left or the patience with silent pods is
// over
//
// Nothing is promoted before every pod of the last step has its weight, so that one pod's failure takes all
// of them back. From then on (the last step's endTime is set) a failure is reported as Split, and the others
// are promoted. The step in the status is written before the commands that follow from it; a status that is
// behind or lost is made good from the weights that the sidecars report.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "operator/core/observed.h"
#include "operator/core/plan.h"

namespace sidestep::op {

struct RunTurn {
  api::ReloadStatus status;      // from now on
  std::vector<Action> commands;  // to pods and sidecars, to be done after the status is written
  std::vector<Action> events;    // for people
  std::optional<Millis> look_again;
  std::vector<std::string> why;
};

// The status with which a reload begins; `status` is the one observed.
api::ReloadStatus begin_run(const Observed& observed, const api::Reload& reload, WallTime now);

// REQUIRES: observed.policy, reload.status.start_time, and a phase that is not final.
RunTurn advance_run(const Observed& observed, const api::Reload& reload, WallTime now);

}  // namespace sidestep::op
