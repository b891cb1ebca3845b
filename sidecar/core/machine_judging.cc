// Judging: the candidate takes its share, step by step, and is compared with active.
#include <algorithm>

#include "sidecar/core/machine_turn.h"

namespace sidestep::sidecar {

namespace {

Seconds silence_of(const Run& run) { return run.deadline.value_or(run.policy->rollout.progress_deadline); }

void set_weight(Judging& state, int weight) {
  state.weight = std::clamp(weight, 0, policy::kWholeWeight);
  state.run.view.weight_per_ten_thousand = state.weight;
}

// Good, or too little traffic where the policy lets that pass.
bool may_go_on(const Judging& state) {
  switch (state.judgement.verdict) {
    case policy::Verdict::kGood:
      return true;
    case policy::Verdict::kWorse:
      return false;
    case policy::Verdict::kTooLittle:
      break;
  }
  return state.run.policy->analysis.on_no_traffic == policy::OnNoTraffic::kPass;
}

// Strategy Hold, or active was down from the start: there is nobody to compare with.
bool has_nothing_to_judge_by(const Run& run, const Turn& turn) {
  return run.hold || (run.rescue && turn.model.generations.active.life != ActiveLife::kUp);
}

// Applies every step that is due. Stands still while paused, and while active is down: then only --force
// promotes.
State walk(Judging state, Turn& turn) {
  Run& run = state.run;
  if (run.view.managed || run.is_paused || turn.active().life != ActiveLife::kUp) return state;
  const auto& steps = run.policy->rollout.steps;
  const int count = static_cast<int>(steps.size());
  while (turn.now.at >= state.due) {
    state.awaits_verdict = state.step >= 0 && !may_go_on(state);
    if (state.awaits_verdict) return state;
    if (state.step + 1 == count) return promote(turn, std::move(run));
    ++state.step;
    const policy::RolloutStep& step = steps[static_cast<std::size_t>(state.step)];
    set_weight(state, step.weight_per_ten_thousand);
    run.view.step = state.step + 1;
    state.due = turn.now.at + step.pause;
    state.give_up_at = state.due + run.policy->rollout.progress_deadline;
    turn.note("step " + std::to_string(run.view.step) + " of " + std::to_string(count),
              "weight " + std::to_string(state.weight) + " of 10000; " +
                  (state.judgement.why.empty() ? "no requests compared yet" : state.judgement.why));
  }
  return state;
}

State on_deadline(Judging state, Turn& turn) {
  Run& run = state.run;
  if (run.is_paused) return state;
  if (run.view.managed && turn.now.at >= state.silent_at) {
    return take_back(turn, std::move(run), ReloadPhase::kFailed, ReloadReason::kOperatorSilent,
                     "the operator was silent for " + std::to_string(silence_of(state.run).count()) + " s");
  }
  if (!run.view.managed && state.step >= 0 && turn.now.at >= state.give_up_at) {
    return take_back(turn, std::move(run), ReloadPhase::kFailed, ReloadReason::kNoTraffic,
                     "no verdict within the progress deadline: " + state.judgement.why);
  }
  return walk(std::move(state), turn);
}

State resumed(Judging state, Turn& turn) {
  state.silent_at = turn.now.at + silence_of(state.run);
  const Millis stood_still = resume(state.run, turn.now.at);
  if (has_nothing_to_judge_by(state.run, turn)) return promote(turn, std::move(state.run));
  state.due += stood_still;
  state.give_up_at += stood_still;
  return walk(std::move(state), turn);
}

State weigh(Judging state, const WeightAsked& asked, Turn& turn) {
  const int weight = asked.command.weight_per_ten_thousand;
  if (weight < 0 || weight > policy::kWholeWeight) {
    turn.refuse(ErrorKind::kInvalid, "weightPerTenThousand: " + std::to_string(weight) + ": give 0 to 10000");
    return state;
  }
  turn.accept(state.run.view.id);
  if (!state.run.view.managed) {  // from now on somebody else leads
    state.run.view.managed = true;
    turn.note("reload " + state.run.view.id + " is managed", "its weight was set by hand");
  }
  set_weight(state, weight);
  state.silent_at = turn.now.at + silence_of(state.run);
  return state;
}

State promote_asked(Judging state, const PromoteAsked& asked, Turn& turn) {
  const bool active_serves = turn.active().life == ActiveLife::kUp;
  if (!active_serves && !asked.command.force) {
    turn.refuse(ErrorKind::kConflict,
                "active is down and being started again; --force promotes the candidate all the same");
    return state;
  }
  turn.accept(state.run.view.id);
  return promote(turn, std::move(state.run));
}

State command(Judging state, const Event& event, Turn& turn) {
  Run& run = state.run;
  if (std::holds_alternative<Asked>(event)) {
    turn.refuse(ErrorKind::kConflict,
                "reload " + run.view.id + " is being judged; promote or abort it first");
  } else if (const auto* abort = as<AbortAsked>(event);
             abort != nullptr && is_about(turn, run, abort->command.reload)) {
    turn.accept(run.view.id);
    return take_back(turn, std::move(run), ReloadPhase::kAborted, ReloadReason::kAbortedByUser,
                     why_aborted(*abort));
  } else if (const auto* asked = as<PromoteAsked>(event);
             asked != nullptr && is_about(turn, run, asked->command.reload)) {
    return promote_asked(std::move(state), *asked, turn);
  } else if (const auto* weight = as<WeightAsked>(event);
             weight != nullptr && is_about(turn, run, weight->command.reload)) {
    return weigh(std::move(state), *weight, turn);
  } else if (const auto* pausing = as<PauseAsked>(event);
             pausing != nullptr && is_about(turn, run, pausing->command.reload)) {
    pause(run, turn.now.at);
    turn.accept(run.view.id);
  } else if (const auto* going = as<ResumeAsked>(event);
             going != nullptr && is_about(turn, run, going->command.reload)) {
    turn.accept(run.view.id);
    return resumed(std::move(state), turn);
  }
  return state;
}

State candidate_exited(Judging state, const Exited& exited, Turn& turn) {
  Run& run = state.run;
  if (!exited.with_its_launcher) run.view.exit = exited.exit;
  run.view.output = exited.output;
  std::string message = describe(run.candidate.generation) + " " + describe(exited) + " while it was judged";
  return give_up(turn, std::move(run), ReloadPhase::kFailed, reason_of(exited), std::move(message));
}

bool is_command(const Event& event) {
  return std::holds_alternative<Asked>(event) || std::holds_alternative<AbortAsked>(event) ||
         std::holds_alternative<PromoteAsked>(event) || std::holds_alternative<WeightAsked>(event) ||
         std::holds_alternative<PauseAsked>(event) || std::holds_alternative<ResumeAsked>(event);
}

}  // namespace

State judge_or_promote(Turn& turn, Run run) {
  if (has_nothing_to_judge_by(run, turn) && !run.is_paused) return promote(turn, std::move(run));
  run.view.phase = ReloadPhase::kJudging;
  Judging state;
  state.due = state.give_up_at = turn.now.at;
  state.silent_at = turn.now.at + silence_of(run);
  state.run = std::move(run);
  // A last step at full weight without a pause has nothing to judge by: walk() promotes at once.
  return walk(std::move(state), turn);
}

State on(Judging state, const Event& event, ActiveChange change, Turn& turn) {
  Run& run = state.run;
  const Generation candidate = run.candidate.generation;
  if (change == ActiveChange::kDied || change == ActiveChange::kGaveUp) {
    turn.note("active died while " + describe(candidate) + " is judged",
              "requests are held; promote --force ends the wait");
  }
  if (is_command(event)) return command(std::move(state), event, turn);
  if (const auto* exited = as<Exited>(event); exited != nullptr && exited->generation == candidate) {
    return candidate_exited(std::move(state), *exited, turn);
  }
  if (const auto* unready = as<Unready>(event); unready != nullptr && unready->generation == candidate) {
    return take_back(turn, std::move(run), ReloadPhase::kFailed, ReloadReason::kProbeFailed,
                     describe(candidate) + " failed its probes: " + unready->why);
  }
  if (const auto* measured = as<Measured>(event)) {
    run.view.judged_active = measured->active;
    run.view.judged_candidate = measured->candidate;
    state.judgement = policy::judge(measured->active, measured->candidate, run.policy->analysis);
    if (state.judgement.verdict == policy::Verdict::kWorse) {
      const bool by_latency = state.judgement.by_latency;
      return take_back(turn, std::move(run), ReloadPhase::kFailed,
                       by_latency ? ReloadReason::kLatency : ReloadReason::kErrorRate, state.judgement.why);
    }
  }
  return on_deadline(std::move(state), turn);
}

}  // namespace sidestep::sidecar
