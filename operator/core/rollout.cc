#include "operator/core/rollout.h"

#include <algorithm>

#include "operator/core/analysis.h"
#include "operator/core/guards.h"
#include "operator/core/pins.h"
#include "operator/core/run.h"
#include "operator/core/run_metrics.h"

namespace sidestep::op {
namespace {

// Pods that a step starting now may cover.
int eligible(const Fleet& fleet, bool is_last) {
  int count = 0;
  int late = 0;
  for (const Member& member : fleet.members) {
    const bool chosen = has_part(member);
    const bool could = member.stance == Stance::kFree ||
                       (is_last && (member.stance == Stance::kBusy || member.stance == Stance::kUnreachable));
    if (!chosen && !could) continue;
    (member.is_late && !chosen ? late : count) += 1;
  }
  return is_last || count == 0 ? count + late : count;
}

void begin_step(Run& run, std::size_t index) {
  const int pods =
      policy::pods_of_step(run.rollout(), index, eligible(run.fleet, index == last_step(run.rollout())));
  const int weight = run.rollout().steps[index].weight_per_ten_thousand;
  run.status().step = static_cast<int>(index) + 1;
  run.status().steps.push_back({pods, weight, run.now, std::nullopt, std::nullopt, ""});
  run.status().progress_time = run.now;
  run.because("step " + std::to_string(index + 1) + " begins: weight " + std::to_string(weight) + " on " +
              std::to_string(pods) + " pods");
}

void end_step(Run& run) {
  if (!run.status().steps.empty()) run.status().steps.back().end_time = run.now;
}

// Steps of the status are those of the policy, even when the policy was shortened meanwhile.
std::size_t current_step(const Run& run) {
  return std::min(static_cast<std::size_t>(std::max(run.out.status.step, 1)) - 1, last_step(run.rollout()));
}

// How many pods the current step covers now: pods come and go.
int wanted_pods(const Run& run, std::size_t index) {
  const bool is_last = index == last_step(run.rollout());
  const int there = eligible(run.fleet, is_last);
  const bool all = is_last && run.rollout().steps[index].pods == policy::PodAmount{100, true};
  return all ? there : std::min(there, std::max(run.out.status.steps.back().pods, 1));
}

// Weights are sent at every look: they are also the sign of life without which a sidecar takes its candidate
// back.
int send_weights(Run& run, int weight) {
  int reached = run.fleet.count(Stance::kPromoted);
  for (const Member& member : run.fleet.members) {
    if (member.stance != Stance::kJudging) continue;
    run.out.commands.push_back(SidecarWeight{ref_of(member), member.run_id, weight});
    if (member.weight == weight) ++reached;
  }
  return reached;
}

std::string awaited(const Run& run, int reached, int wanted) {
  std::string text = std::to_string(reached) + " of " + std::to_string(wanted) + " pods have weight " +
                     std::to_string(run.rollout().steps[current_step(run)].weight_per_ten_thousand);
  if (!run.behind.empty()) text += "; " + run.behind;
  if (!run.budget.empty()) text += "; " + run.budget;
  for (const Stance stance : {Stance::kStarting, Stance::kUnreachable, Stance::kBusy}) {
    const Member* member = run.fleet.first(stance);
    if (member == nullptr) continue;
    if (stance == Stance::kStarting)
      text += "; " + member->pod->name + " starts";
    else
      text += "; " + member->pod->name + ": " + member->message;
  }
  return text;
}

Standing late(Run& run, Reason reason, const std::string& what) {
  return begin_rollback(
      run, {api::ReloadPhase::kFailed, std::string(to_string(reason)),
            "nothing moved for " + std::to_string(run.rollout().progress_deadline.count()) + " s: " + what});
}

bool is_late(const Run& run, WallTime since) { return run.now >= since + run.rollout().progress_deadline; }

// Somebody wants the step's pause to end.
bool is_hurried(const Run& run, std::size_t index) {
  return run.asked.promotion != Promotion::kNone || run.asked.skip_steps > static_cast<int>(index);
}

// What the policy's metrics and webhooks keep the step's end waiting for; too little data for too long is a
// verdict of its own.
std::optional<Standing> awaits_analysis(Run& run, std::size_t index, WallTime over) {
  auto waits = awaits_metrics(run, over);
  if (!waits) waits = awaits_webhooks(run, policy::WebhookTime::kEachStep);
  if (!waits && index == last_step(run.rollout()))
    waits = awaits_webhooks(run, policy::WebhookTime::kPromote);
  if (!waits) return std::nullopt;
  run.look_in(kLookLater);
  if (!is_late(run, over)) return waits;
  const bool is_asking = waits->reason == Reason::kWebhook || waits->reason == Reason::kWebhookFailed;
  const bool is_bad = waits->reason == Reason::kMetricFailed;
  return late(run,
              is_asking ? Reason::kWebhookFailed
              : is_bad  ? Reason::kMetricFailed
                        : Reason::kMetricNoData,
              waits->message);
}

// The step's pods all have its weight. Either its pause, or the wait for requests, or the next step.
Standing after_reached(Run& run, std::size_t index) {
  api::ReloadStep& step = run.status().steps.back();
  const bool hurry = is_hurried(run, index);
  const bool is_blind =
      run.asked.promotion == Promotion::kFull || run.asked.skip_steps > static_cast<int>(index);
  const WallTime due = policy::step_due(run.rollout().steps[index], *step.reached_time);
  const WallTime over = hurry ? *step.reached_time : due;
  if (!is_blind) measure(run, *step.reached_time, over);
  if (run.now < due && !hurry) {
    run.look_in(std::min<Millis>(kLookLater, std::chrono::ceil<Millis>(due - run.now)));
    return {Reason::kStepPause, "step " + std::to_string(index + 1) + " pauses until " + format_time(due)};
  }
  const policy::Judgement judgement = judge_fleet(run.fleet, run.spec.analysis);
  const bool too_few =
      judgement.verdict == policy::Verdict::kTooLittle && run.fleet.count(Stance::kJudging) > 0;
  if (too_few && run.spec.analysis.on_no_traffic == policy::OnNoTraffic::kHold && !is_blind) {
    const std::string text = "candidates have answered fewer than " +
                             std::to_string(run.spec.analysis.minimum_requests) +
                             " requests; promote --full goes on without them";
    if (is_late(run, due)) return late(run, Reason::kNoTraffic, text);
    run.look_in(kLookLater);
    return {Reason::kTooFewRequests, text};
  }
  if (!is_blind) {
    if (auto waits = awaits_analysis(run, index, over)) return *std::move(waits);
  }
  step.verdict = lacks_data(run) ? "NoData" : to_string(judgement.verdict);
  run.because("step " + std::to_string(index + 1) + " is judged " + step.verdict + ": " + judgement.why);
  end_step(run);
  run.look_in(Millis(0));
  if (index == last_step(run.rollout())) {
    run.status().progress_time = run.now;
    run.because("every step is done: all candidates are promoted");
    return {Reason::kPromoting, "every step is done"};
  }
  begin_step(run, run.asked.promotion != Promotion::kNone ? last_step(run.rollout()) : index + 1);
  return {Reason::kStarting, "step " + std::to_string(run.status().step) + " begins"};
}

// The candidates are worse than active over all pods together; absent when they are not, or nobody wants to
// know.
std::optional<Ending> bad_verdict(const Run& run) {
  if (run.asked.promotion == Promotion::kFull) return std::nullopt;
  const policy::Judgement judgement = judge_fleet(run.fleet, run.spec.analysis);
  if (judgement.verdict != policy::Verdict::kWorse) return std::nullopt;
  return Ending{api::ReloadPhase::kFailed, judgement.by_latency ? "Latency" : "ErrorRate", judgement.why};
}

// So many pods of the step do not answer that it would be blind to go on. Time counts once the pause is over.
Standing wait_for_silent(Run& run, std::size_t index, const std::string& text) {
  const WallTime due = policy::step_due(run.rollout().steps[index], *run.status().steps.back().reached_time);
  if (is_late(run, std::max(due, *run.status().progress_time))) {
    return late(run, Reason::kProgressDeadlineExceeded, text);
  }
  run.look_soon();
  return {Reason::kSomeUnreachable, text};
}

// Nothing has started yet, and a webhook has not said that it may.
std::optional<Standing> awaits_start(Run& run) {
  if (run.fleet.participants() > 0) return std::nullopt;
  auto waits = awaits_webhooks(run, policy::WebhookTime::kBeforeStart);
  if (waits && is_late(run, *run.status().progress_time))
    return late(run, Reason::kWebhookFailed, waits->message);
  return waits;
}

Standing walk(Run& run) {
  if (auto waits = awaits_start(run)) return *std::move(waits);
  const std::size_t index = current_step(run);
  const int wanted = wanted_pods(run, index);
  api::ReloadStep& step = run.status().steps.back();
  step.weight_per_ten_thousand = run.rollout().steps[index].weight_per_ten_thousand;
  const int reached = send_weights(run, step.weight_per_ten_thousand);
  const int silent = run.fleet.silent();
  start_candidates(run, wanted);
  if (reached > run.reload.status.pods.updated) run.status().progress_time = run.now;
  run.status().pods.updated = reached;
  const std::string text = awaited(run, reached, wanted);
  if (!step.reached_time && reached >= wanted && wanted > 0) {
    step.reached_time = run.now;
    step.pods = wanted;
    run.status().progress_time = run.now;
  }
  if (step.reached_time && wanted > 0 && reached + silent >= wanted) {
    if (silent * kTolerableSilence <= run.fleet.participants()) return after_reached(run, index);
    return wait_for_silent(run, index, text);
  }
  if (step.reached_time) {  // a pod was lost, or one more was born: the pause begins anew with all of them
    step.reached_time.reset();
    run.status().progress_time = run.now;
  }
  run.look_soon();
  if (is_late(run, *run.status().progress_time)) return late(run, Reason::kProgressDeadlineExceeded, text);
  const bool waits_for_budget = !run.budget.empty() && run.fleet.count(Stance::kStarting) == 0;
  return {waits_for_budget ? Reason::kDisruptionBudget : Reason::kStarting, text};
}

// A status that is behind what sidecars report (it was lost, or written by hand) is made good.
void catch_up(Run& run) {
  const std::size_t last = last_step(run.rollout());
  int heaviest = 0;
  for (const Member& member : run.fleet.members) {
    if (member.stance == Stance::kJudging) heaviest = std::max(heaviest, member.weight);
  }
  const std::size_t told = heaviest == 0 ? 0 : policy::step_of_weight(run.rollout(), heaviest);
  if (run.status().steps.empty()) {
    begin_step(run,
               std::max(told, std::min(static_cast<std::size_t>(std::max(run.status().step, 1)) - 1, last)));
  }
  if (run.asked.promotion != Promotion::kNone && current_step(run) != last) {
    end_step(run);
    begin_step(run, last);
  }
}

bool has_vanished(const Run& run) {
  const std::string& only = run.reload.spec.pod;
  const bool any = std::any_of(run.seen.pods.begin(), run.seen.pods.end(), [&](const ObservedPod& pod) {
    return !pod.is_terminating && (only.empty() || pod.name == only);
  });
  if (!only.empty()) return !any;
  return !any && (!run.seen.workload || run.seen.workload->replicas == 0);
}

// Every pod that has or can have a candidate is promoted as soon as its sidecar can; a failure holds up no
// other.
Standing force_all(Run& run) {
  go_on(run);
  catch_up(run);
  const int wanted = wanted_pods(run, last_step(run.rollout()));
  start_candidates(run, wanted);
  for (const Member& member : run.fleet.members) {
    if (member.stance != Stance::kStarting && member.stance != Stance::kJudging) continue;
    run.out.commands.push_back(SidecarPromote{ref_of(member), member.run_id, true});
  }
  const int promoted = run.fleet.count(Stance::kPromoted);
  if (promoted > run.status().pods.updated) run.status().progress_time = run.now;
  run.status().pods.updated = promoted;
  run.look_soon();
  const int waiting = std::max(0, wanted - promoted);  // silent and busy ones too
  const std::string text = std::to_string(promoted) + " pods are promoted by force, " +
                           std::to_string(waiting) + " are waited for";
  const bool is_done = waiting == 0 && (promoted > 0 || !run.status().failed_pods.empty());
  if (is_done) {
    end_step(run);
  } else if (is_late(run, *run.status().progress_time)) {
    return late(run, promoted > 0 ? Reason::kSplit : Reason::kProgressDeadlineExceeded, text);
  }
  return {Reason::kPromoting, text};
}

Standing decide(Run& run) {
  if (run.status().phase == api::ReloadPhase::kRollingBack) return roll_back(run);
  if (has_vanished(run)) {
    return end_run(run,
                   {api::ReloadPhase::kAborted, std::string(to_string(Reason::kNoPods)), "no pod is left"});
  }
  record_failures(run);
  take_in_replies(run);
  if (is_promoting(run.status(), run.rollout())) return promote_all(run);
  const bool is_forced = run.asked.promotion == Promotion::kForce;
  if (auto ending = is_forced ? wish_to_roll_back(run) : reason_to_roll_back(run))
    return begin_rollback(run, std::move(*ending));
  if (!is_forced) {
    auto ending = bad_verdict(run);
    if (!ending) ending = bad_analysis(run);
    if (ending) return begin_rollback(run, std::move(*ending));
  }
  if (has_left_approval(run.seen, run.reload, run.out.status)) {
    return begin_rollback(run,
                          {api::ReloadPhase::kAborted, std::string(to_string(Reason::kSourcesChanged)),
                           "the ConfigMaps and Secrets changed before the end, and pods would start with "
                           "what nobody approved; the reload of that change asks anew"});
  }
  if (auto standing = standstill(run)) return stand_still(run, std::move(*standing));
  if (is_forced) return force_all(run);
  go_on(run);
  catch_up(run);
  return walk(run);
}

void count_pods(Run& run) {
  api::PodCounts& pods = run.status().pods;
  const std::size_t last = last_step(run.rollout());
  pods.desired = policy::pods_of_step(run.rollout(), last, eligible(run.fleet, true));
  pods.ready =
      static_cast<int>(std::count_if(run.fleet.members.begin(), run.fleet.members.end(), [](const Member& m) {
        return m.stance != Stance::kOutside && m.pod->is_ready && m.pod->reach == Reach::kReachable;
      }));
}

void bring(std::optional<WallTime>& time, WallTime now) {
  if (time && *time > now) time = now;
}

}  // namespace

void Run::come_to_now() {
  api::ReloadStatus& status = out.status;
  if (!status.progress_time) status.progress_time = now;
  bring(status.progress_time, now);
  bring(status.paused_time, now);
  if (!status.steps.empty()) {
    bring(status.steps.back().reached_time, now);
    bring(status.steps.back().end_time, now);
  }
  for (Member& member : fleet.members) {  // is refreshed again
    const bool is_ahead = member.refreshed_at && *member.refreshed_at > now + kTouchAgain;
    if (is_ahead && member.stance == Stance::kFree) member.refreshed_at.reset();
  }
}

api::ReloadStatus begin_run(const Observed& observed, const api::Reload& reload, WallTime now) {
  api::ReloadStatus status = reload.status;
  status.phase = api::ReloadPhase::kProgressing;
  status.start_time = now;
  status.progress_time = now;
  status.config_hash = config_hash_of(observed, reload);
  if (observed.workload) status.template_hash = observed.workload->template_hash;
  set_reload_conditions(status, reload.meta.generation, Reason::kStarting, "the reload begins", now);
  return status;
}

RunTurn advance_run(const Observed& observed, const api::Reload& reload, WallTime now) {
  Run run(observed, reload, now);
  const Standing standing = decide(run);
  if (!is_final(run.status().phase)) count_pods(run);
  set_reload_conditions(run.status(), reload.meta.generation, standing.reason, standing.message, now);
  return std::move(run.out);
}

}  // namespace sidestep::op
