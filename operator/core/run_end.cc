#include <algorithm>

#include "operator/core/guards.h"
#include "operator/core/pins.h"
#include "operator/core/run.h"

namespace sidestep::op {
namespace {

bool is_ours_still(const Member& member) {
  return member.stance == Stance::kStarting || member.stance == Stance::kJudging;
}

api::Receipt receipt_of(const Fleet& fleet, Millis duration) {
  api::Receipt sum;
  for (const Member& member : fleet.members) {
    const bool has_part = member.generation != 0 && member.pod->sidecar && member.pod->sidecar->run;
    if (!has_part) continue;
    const api::Receipt& pod = member.pod->sidecar->run->receipt;
    sum.active_requests += pod.active_requests;
    sum.candidate_requests += pod.candidate_requests;
    sum.held += pod.held;
    sum.retried += pod.retried;
    sum.failed += pod.failed;
    sum.longest_hold_ms = std::max(sum.longest_hold_ms, pod.longest_hold_ms);
    sum.connections_cut += pod.connections_cut;
  }
  sum.duration_ms = duration.count();
  return sum;
}

const api::FailedPod* first_failure(const api::ReloadStatus& status) {
  return status.failed_pods.empty() ? nullptr : &status.failed_pods.front();
}

std::string said(const api::FailedPod& pod) {
  return pod.name + ": " + (pod.message.empty() ? pod.reason : pod.message);
}

}  // namespace

void record_failures(Run& run) {
  auto& failed = run.status().failed_pods;
  const bool is_rolling_back = run.status().phase == api::ReloadPhase::kRollingBack;
  int count = 0;
  for (const Member& member : run.fleet.members) {
    const bool counts =
        member.stance == Stance::kFailed || (member.stance == Stance::kTakenBack && !is_rolling_back);
    if (!counts) continue;
    ++count;
    const std::string& name = member.pod->name;
    const auto same = [&](const api::FailedPod& pod) { return pod.name == name; };
    if (std::any_of(failed.begin(), failed.end(), same)) continue;
    if (failed.size() >= api::kMostFailedPods) {
      run.status().truncated = true;
      continue;
    }
    failed.push_back(
        {name, member.generation, member.reason, api::clip(member.message, api::kMostMessageBytes)});
    run.because(name + " failed: " + member.reason);
  }
  run.status().pods.failed = std::max(run.status().pods.failed, count);
}

namespace {
Ending ending(api::ReloadPhase phase, Reason reason, std::string message) {
  return {phase, std::string(to_string(reason)), std::move(message)};
}
}  // namespace

std::optional<Ending> wish_to_roll_back(const Run& run) {
  using api::ReloadPhase;
  if (run.asked.abort) {
    const std::string& why = *run.asked.abort;
    return ending(ReloadPhase::kAborted, Reason::kAbortedByUser, why.empty() ? "aborted by annotation" : why);
  }
  if (run.reload.meta.deletion_time) {
    return ending(ReloadPhase::kAborted, Reason::kReloadDeleted, "the Reload was deleted while it ran");
  }
  if (run.seen.policy->meta.deletion_time) {
    return ending(ReloadPhase::kAborted, Reason::kPolicyDeleted, "the ReloadPolicy was deleted while it ran");
  }
  return std::nullopt;
}

std::optional<Ending> reason_to_roll_back(const Run& run) {
  const api::FailedPod* failed = first_failure(run.out.status);
  if (failed == nullptr) return wish_to_roll_back(run);
  const bool split = run.fleet.count(Stance::kPromoted) > 0;
  if (!split) return Ending{api::ReloadPhase::kFailed, failed->reason, said(*failed)};
  return ending(api::ReloadPhase::kFailed, Reason::kSplit,
                said(*failed) + "; other pods were promoted before");
}

Standing begin_rollback(Run& run, Ending ending) {
  api::ReloadStatus& status = run.status();
  status.phase = api::ReloadPhase::kRollingBack;
  status.end_phase = ending.phase;
  status.end_reason = ending.reason;
  status.end_message = api::clip(ending.message, api::kMostMessageBytes);
  status.progress_time = run.now;
  status.paused_time.reset();
  run.out.commands.clear();  // of a walk that this turn had begun
  run.because("all candidates are taken back: " + ending.reason);
  run.tell(EventType::kWarning, ending.reason, "RollBack", ending.message);
  return roll_back(run);
}

Standing roll_back(Run& run) {
  record_failures(run);
  const api::ReloadStatus& status = run.status();
  int left = 0;
  for (const Member& member : run.fleet.members) {
    if (!is_ours_still(member)) continue;
    ++left;
    run.out.commands.push_back(
        SidecarAbort{ref_of(member), member.run_id, status.end_reason + ": " + status.end_message});
  }
  const int silent = run.fleet.silent();
  const bool patient = run.now < *status.progress_time + kSilencePatience;
  if (patient && (left > 0 || silent > 0)) {
    run.look_soon();
    return {Reason::kRollingBack, std::to_string(left) + " candidates are still to be taken back, " +
                                      std::to_string(silent) + " pods do not answer"};
  }
  std::string message = status.end_message;
  if (left + silent > 0)
    message += "; " + std::to_string(left + silent) + " pods did not confirm and go back by themselves";
  return end_run(run, {status.end_phase, status.end_reason, std::move(message)});
}

namespace {

// Once a pod is promoted there is no way back: from then on new pods start with what this reload brought.
bool keep_content(Run& run) {
  const bool is_news = run.reload.spec.pod.empty() && has_pins(run.seen) && run.seen.pins.is_known;
  if (!is_news || run.fleet.count(Stance::kPromoted) == 0) return true;
  auto actions = keep_staged(run.seen, run.reload);
  const bool is_kept = actions.empty();
  if (!is_kept) run.because("what it brought is kept for new pods");
  for (Action& action : actions) run.out.commands.push_back(std::move(action));
  return is_kept;
}

// It was born with what was kept before the promotion, as all that are late may have been.
bool is_latecomer(const Run& run, const Member& member) {
  return member.stance == Stance::kFree && member.is_late && has_pins(run.seen);
}

}  // namespace

// A pod whose proxy was restarted at the wrong moment tries again; the others wait as Draining or Succeeded.
Standing promote_all(Run& run) {
  api::ReloadStatus& status = run.status();
  const bool is_untouched = run.fleet.count(Stance::kPromoted) == 0;
  if (is_untouched) {
    if (auto ending = reason_to_roll_back(run)) return begin_rollback(run, std::move(*ending));
  }
  const WallTime since = *status.steps.back().end_time;
  const bool patient = run.now < since + kSilencePatience;
  int waiting = 0;
  int draining = 0;
  for (const Member& member : run.fleet.members) {
    const bool is_tried_again = member.stance == Stance::kFree && member.run_id != run.reload.meta.uid &&
                                !has_left_approval(run.seen, run.reload, status);
    const bool is_second_try = is_latecomer(run, member) || is_tried_again;
    if (member.stance == Stance::kJudging) {
      run.out.commands.push_back(SidecarPromote{ref_of(member), member.run_id});
    }
    if (member.stance == Stance::kPromoted && !member.is_settled) ++draining;
    if (is_second_try && patient) start(run, member);
    if (is_ours_still(member) || (is_second_try && patient)) ++waiting;
  }
  const int silent = patient ? run.fleet.silent() : 0;
  status.pods.updated = run.fleet.count(Stance::kPromoted);
  const bool is_kept = keep_content(run);
  const bool is_drained = draining == 0 || run.now >= since + run.spec.drain.http_timeout + kDrainReserve;
  const bool is_late = run.now >= since + run.rollout().progress_deadline;
  if ((waiting > 0 || silent > 0 || !is_drained || !is_kept) && !is_late) {
    run.look_soon();
    return {Reason::kPromoting, std::to_string(status.pods.updated) + " pods are promoted, " +
                                    std::to_string(draining) + " of them drain, " +
                                    std::to_string(waiting + silent) + " are waited for"};
  }
  if (const api::FailedPod* failed = first_failure(status)) {
    return end_run(run, {api::ReloadPhase::kFailed, std::string(to_string(Reason::kSplit)),
                         said(*failed) + "; " + std::to_string(status.pods.updated) + " pods were promoted"});
  }
  if (waiting > 0) {
    return end_run(run, {api::ReloadPhase::kFailed, std::string(to_string(Reason::kSplit)),
                         std::to_string(waiting) + " pods were not promoted in time"});
  }
  std::string message = std::to_string(status.pods.updated) + " pods serve the new generation";
  if (draining > 0) message += "; " + std::to_string(draining) + " of them still drain tunnels";
  return end_run(
      run, {api::ReloadPhase::kSucceeded, std::string(to_string(Reason::kPromoted)), std::move(message)});
}

Standing end_run(Run& run, Ending ending) {
  api::ReloadStatus& status = run.status();
  status.phase = ending.phase;
  status.end_phase = ending.phase;
  status.end_reason = ending.reason;
  status.end_message = api::clip(ending.message, api::kMostMessageBytes);
  status.end_time = run.now;
  status.paused_time.reset();
  const auto duration = std::chrono::duration_cast<Millis>(run.now - *status.start_time);
  status.receipt = receipt_of(run.fleet, duration);
  if (ending.phase != api::ReloadPhase::kSucceeded) status.pods.updated = run.fleet.count(Stance::kPromoted);
  const bool good = ending.phase == api::ReloadPhase::kSucceeded;
  run.because("the reload ends: " + ending.reason);
  run.tell(good ? EventType::kNormal : EventType::kWarning, good ? "ReloadSucceeded" : "ReloadEnded", "End",
           ending.reason + ": " + ending.message);
  return {Reason::kIdle, ending.message};
}

}  // namespace sidestep::op
