// Starting: the candidate is on its way and takes nothing yet.
#include "sidecar/core/machine_turn.h"

namespace sidestep::sidecar {

namespace {

std::string seconds_text(Seconds seconds) { return std::to_string(seconds.count()) + " s"; }

State late(Starting state, Turn& turn) {
  Run& run = state.run;
  if (state.stage == StartStage::kRoom) {
    return give_up(turn, std::move(run), ReloadPhase::kFailed, ReloadReason::kNotReadyInTime,
                   "active could not be stopped in time to make room");
  }
  std::string message = describe(run.candidate.generation) + " was not ready within " +
                        seconds_text(run.policy->readiness.start_deadline);
  ReloadReason reason = ReloadReason::kNotReadyInTime;
  if (!state.hint.empty()) {
    message += ": " + state.hint;
    reason = state.hint_reason;
  }
  return give_up(turn, std::move(run), ReloadPhase::kFailed, reason, std::move(message));
}

State candidate_exited(Starting state, const Exited& exited, Turn& turn) {
  Run& run = state.run;
  if (!exited.with_its_launcher) run.view.exit = exited.exit;
  run.view.output = exited.output;
  std::string message = describe(run.candidate.generation) + " " + describe(exited);
  if (!exited.forked_away) message += " before it was ready";
  const ReloadReason reason = reason_of(exited);
  return give_up(turn, std::move(run), ReloadPhase::kFailed, reason, std::move(message));
}

State command(Starting state, const Event& event, Turn& turn) {
  Run& run = state.run;
  if (std::holds_alternative<Asked>(event)) {
    turn.refuse(ErrorKind::kConflict, "reload " + run.view.id + " is starting; abort it first, or wait");
  } else if (const auto* abort = as<AbortAsked>(event);
             abort != nullptr && is_about(turn, run, abort->command.reload)) {
    turn.accept(run.view.id);
    return give_up(turn, std::move(run), ReloadPhase::kAborted, ReloadReason::kAbortedByUser,
                   why_aborted(*abort));
  } else if (const auto* promoted = as<PromoteAsked>(event);
             promoted != nullptr && is_about(turn, run, promoted->command.reload)) {
    if (promoted->command.force && state.stage == StartStage::kReady) {
      turn.accept(run.view.id);
      run.ready_at = turn.now.at;
      return promote(turn, std::move(run));
    }
    turn.refuse(ErrorKind::kConflict, "the candidate is not ready yet; --force promotes it all the same");
  } else if (std::holds_alternative<WeightAsked>(event)) {
    turn.refuse(ErrorKind::kConflict,
                "reload " + run.view.id + " is starting: the candidate takes no weight before it is ready");
  } else if (const auto* pausing = as<PauseAsked>(event);
             pausing != nullptr && is_about(turn, run, pausing->command.reload)) {
    pause(run, turn.now.at);
    turn.accept(run.view.id);
  } else if (const auto* going = as<ResumeAsked>(event);
             going != nullptr && is_about(turn, run, going->command.reload)) {
    resume(run, turn.now.at);
    turn.accept(run.view.id);
  }
  return state;
}

}  // namespace

void pause(Run& run, TimePoint now) {
  if (run.is_paused) return;
  run.is_paused = true;
  run.paused_at = now;
}

Millis resume(Run& run, TimePoint now) {
  if (!run.is_paused) return Millis{0};
  run.is_paused = false;
  return std::chrono::duration_cast<Millis>(now - run.paused_at);
}

State on(Starting state, const Event& event, ActiveChange, Turn& turn) {
  Run& run = state.run;
  const Generation candidate = run.candidate.generation;
  if (state.stage == StartStage::kRoom) {
    const Generation previous = turn.active().member.generation;
    const bool room =
        turn.generations().find_retiring(previous) == nullptr && !turn.generations().is_leaving(previous);
    if (room) return start_candidate(turn, std::move(run));
  }
  if (const auto* exited = as<Exited>(event); exited != nullptr && exited->generation == candidate) {
    return candidate_exited(std::move(state), *exited, turn);
  }
  if (const auto* failed = as<SpawnFailed>(event); failed != nullptr && failed->generation == candidate) {
    return give_up(turn, std::move(run), ReloadPhase::kFailed, ReloadReason::kSpawnFailed, failed->message);
  }
  if (const auto* hint = as<Hint>(event); hint != nullptr && hint->generation == candidate) {
    state.hint = run.view.message = hint->message;
    state.hint_reason = hint->reason;
  }
  if (const auto* spawned = as<Spawned>(event); spawned != nullptr && spawned->generation == candidate) {
    run.spawned_at = turn.now.at;
  }
  if (const auto* ready = as<Ready>(event); ready != nullptr && ready->generation == candidate) {
    run.view.message.clear();
    run.view.ready_at = turn.now.wall;
    run.ready_at = turn.now.at;
    return judge_or_promote(turn, std::move(run));
  }
  if (turn.now.at >= state.give_up_at) return late(std::move(state), turn);
  return command(std::move(state), event, turn);
}

}  // namespace sidestep::sidecar
