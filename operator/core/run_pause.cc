// Standing still: what stops a run without taking it back, and what goes on meanwhile.
#include <algorithm>

#include "operator/core/analysis_allow.h"
#include "operator/core/run.h"

namespace sidestep::op {
namespace {

void keep_weights(Run& run) {
  for (const Member& member : run.fleet.members) {
    if (member.stance != Stance::kJudging) continue;
    run.out.commands.push_back(SidecarWeight{ref_of(member), member.run_id, member.weight});
  }
}

}  // namespace

std::optional<Standing> standstill(const Run& run) {
  if (run.asked.pause) {
    return Standing{Reason::kPaused, "annotation " + std::string(api::kPauseAnnotation) +
                                         " is set; remove it to go on (kubectl sidestep resume)"};
  }
  if (!run.seen.policy->spec_error.empty())
    return Standing{Reason::kInvalidSpec, run.seen.policy->spec_error};
  if (auto refused = address_not_allowed(run.seen)) return Standing{refused->reason, refused->message};
  if (!run.seen.workload || run.out.status.template_hash.empty()) return std::nullopt;
  const ObservedWorkload& workload = *run.seen.workload;
  const std::string& ours = run.out.status.template_hash;
  const bool is_other = !workload.template_hash.empty() && workload.template_hash != ours;
  // Not known while pods are replaced, be it for another template, be it because one was deleted.
  const bool has_others =
      std::any_of(run.seen.pods.begin(), run.seen.pods.end(),
                  [&](const ObservedPod& pod) { return !pod.is_terminating && pod.template_hash != ours; });
  if (is_other || (workload.is_rolling_out && has_others)) {
    return Standing{Reason::kTemplateChanged, "the workload replaces its pods; the reload gives way to that"};
  }
  return std::nullopt;
}

Standing stand_still(Run& run, Standing standing) {
  const bool is_over = standing.reason == Reason::kTemplateChanged && !run.seen.workload->is_rolling_out &&
                       run.fleet.participants() == 0;
  if (is_over) {
    return end_run(
        run,
        {api::ReloadPhase::kAborted, std::string(to_string(Reason::kTemplateChanged)),
         "the workload replaced all pods of this reload; new ones began with the current configuration"});
  }
  if (!run.status().paused_time) run.status().paused_time = run.now;
  run.status().phase = api::ReloadPhase::kPaused;
  keep_weights(run);
  run.look_in(kLookLater);
  return standing;
}

// Time limits stood still meanwhile.
void go_on(Run& run) {
  api::ReloadStatus& status = run.status();
  status.phase = api::ReloadPhase::kProgressing;
  if (!status.paused_time) return;
  const auto stood = run.now - *status.paused_time;
  if (status.progress_time) *status.progress_time += stood;
  if (!status.steps.empty() && status.steps.back().reached_time) *status.steps.back().reached_time += stood;
  status.paused_time.reset();
}

}  // namespace sidestep::op
