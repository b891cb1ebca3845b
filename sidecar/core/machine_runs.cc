// How a reload begins and ends, whatever the state.
#include <algorithm>

#include "sidecar/core/machine_turn.h"

namespace sidestep::sidecar {

namespace {

Millis between(TimePoint from, TimePoint to) {
  return to > from ? std::chrono::duration_cast<Millis>(to - from) : Millis{0};
}

// The pauses that the steps ask for: waiting that the policy wants is no overhead.
Millis asked_pauses(const Run& run) {
  if (run.view.managed) return between(run.ready_at, run.promoted_at);
  Millis sum{0};
  for (const policy::RolloutStep& step : run.policy->rollout.steps) sum += step.pause;
  return std::min(sum, between(run.ready_at, run.promoted_at));
}

void measure(Run& run, TimePoint now) {
  Receipt& receipt = run.view.receipt;
  const bool ready = run.ready_at != TimePoint{};
  const bool promoted = run.promoted_at != TimePoint{};
  receipt.total = between(run.asked_at, now);
  receipt.start = between(run.asked_at, ready ? run.ready_at : now);
  if (ready) receipt.judge = between(run.ready_at, promoted ? run.promoted_at : now);
  if (promoted) receipt.drain = between(run.promoted_at, now);
  const Millis app =
      run.spawned_at == TimePoint{} ? Millis{0} : between(run.spawned_at, ready ? run.ready_at : now);
  receipt.overhead = std::max(Millis{0}, receipt.total - app - receipt.drain - asked_pauses(run));
}

PolicyPtr with_steps(const PolicyPtr& policy, const std::vector<policy::RolloutStep>& steps) {
  if (steps.empty()) return policy;
  auto changed_policy = std::make_shared<policy::PolicySpec>(*policy);
  changed_policy->rollout.steps = steps;
  return changed_policy;
}

Run make_run(Turn& turn, const ReloadCommand& command) {
  Model& model = turn.model;
  ++model.runs_begun;
  Run run;
  run.policy = with_steps(model.policy, command.steps);
  run.asked_at = turn.now.at;
  run.deadline = command.deadline;
  run.seed = turn.random();
  run.rescue = turn.active().life != ActiveLife::kUp;
  run.candidate.recipe = changed(turn.active().member.recipe, command.command, command.env, command.attach);
  ReloadView& view = run.view;
  view.id = command.id.empty() ? "reload-" + std::to_string(model.runs_begun) : command.id;
  view.token = command.token;
  view.policy_uid = command.policy_uid;
  view.requested_by = command.requested_by;
  view.asked_reason = command.reason;
  view.managed = command.managed;
  view.steps = command.managed ? 0 : static_cast<int>(run.policy->rollout.steps.size());
  view.started_at = turn.now.wall;
  return run;
}

// Strategy Hold: active first goes, then the candidate comes.
State begin_hold(Turn& turn, Run run) {
  Active& active = turn.active();
  const TimePoint give_up_at =
      turn.now.at + run.policy->drain.http_timeout + run.policy->shutdown.app_stop + Seconds{2};
  if (active.life == ActiveLife::kUp)
    retire(turn, active.member, RetiredBecause::kReplaced, run.policy->drain);
  else if (active.life == ActiveLife::kStarting)
    stop_at_once(turn, active.member, RetiredBecause::kReplaced);
  active.life = ActiveLife::kParked;
  return Starting{std::move(run), StartStage::kRoom, give_up_at, {}, ReloadReason::kNone};
}

}  // namespace

std::uint64_t Turn::random() {  // splitmix64
  std::uint64_t z = (model.random += 0x9E3779B97F4A7C15ULL);
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ULL;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBULL;
  return z ^ (z >> 31);
}

std::string describe(Generation generation) { return "generation " + std::to_string(number(generation)); }

ReloadReason reason_of(const Exited& exited) {
  if (exited.with_its_launcher) return ReloadReason::kLauncherLost;
  return exited.forked_away ? ReloadReason::kForkedAway : ReloadReason::kExitedEarly;
}

std::string describe(const Exited& exited) {
  if (exited.with_its_launcher) return "ended with its launcher: the app container was restarted or killed";
  if (exited.forked_away) return "left a process behind and ended: run it in the foreground";
  if (exited.exit.signal == 0) return "exited with status " + std::to_string(exited.exit.status);
  const std::string memory = exited.out_of_memory ? " (out of memory)" : "";
  return "was killed by signal " + std::to_string(exited.exit.signal) + memory;
}

State settle(Turn& turn) {
  if (turn.active().life == ActiveLife::kUp) return Serving{};
  return Holding{};
}

void spawn(Turn& turn, const Member& member) {
  turn.effects.emplace_back(Spawn{member});
  if (!member.recipe.attach) turn.model.snapshots.push_back(member.generation);
}

bool is_about(Turn& turn, const Run& run, const std::string& id) {
  if (id.empty() || id == run.view.id) return true;
  turn.refuse(ErrorKind::kConflict, "reload " + id + " is not under way: " + run.view.id + " is");
  return false;
}

std::string why_aborted(const AbortAsked& abort) {
  return "aborted: " + (abort.command.reason.empty() ? "asked for" : abort.command.reason);
}

State begin(Turn& turn, const Asked& asked) {
  const ReloadCommand& command = asked.command;
  const bool attached = turn.active().member.recipe.attach.has_value();
  if (turn.model.policy->suspend && !command.force) {
    turn.refuse(ErrorKind::kRefused,
                "suspend: true: the policy allows no reload now; set it to false or use --force");
    return settle(turn);
  }
  if (attached && !command.attach && command.command.empty()) {
    turn.refuse(ErrorKind::kInvalid,
                "the app was attached: name the next one with --attach ADDR:PORT, or give a command");
    return settle(turn);
  }
  Run run = make_run(turn, command);
  turn.accept(run.view.id);
  turn.effects.emplace_back(RunBegan{run.view.id});
  turn.note("reload " + run.view.id, "asked for" +
                                         (command.requested_by.empty() ? "" : " by " + command.requested_by) +
                                         (command.reason.empty() ? "" : ": " + command.reason));
  const MemoryDecision memory =
      decide_memory(asked.memory, run.policy->strategy.on_memory_pressure, command.force || command.attach);
  if (!memory.why.empty()) turn.note("memory", memory.why);
  if (memory.verdict == MemoryVerdict::kRefuse) {
    return give_up(
        turn, std::move(run), ReloadPhase::kFailed, ReloadReason::kMemoryPressure,
        memory.why + "; set strategy.overlap.onMemoryPressure to Hold or Ignore, or raise the limit");
  }
  run.hold =
      run.policy->strategy.type == policy::StrategyType::kHold || memory.verdict == MemoryVerdict::kHold;
  if (run.hold) return begin_hold(turn, std::move(run));
  return start_candidate(turn, std::move(run));
}

State start_candidate(Turn& turn, Run run) {
  run.candidate.generation = turn.generations().next();
  run.candidate.snapshot_of = run.candidate.generation;
  run.view.generation = run.candidate.generation;
  run.spawned_at = turn.now.at;
  spawn(turn, run.candidate);
  const TimePoint give_up_at = turn.now.at + run.policy->readiness.start_deadline;
  return Starting{std::move(run), StartStage::kReady, give_up_at, {}, ReloadReason::kNone};
}

void finish(Turn& turn, Run run, ReloadPhase phase, ReloadReason reason, std::string message) {
  Model& model = turn.model;
  measure(run, turn.now.at);
  run.view.phase = phase;
  run.view.reason = reason;
  run.view.message = std::move(message);
  run.view.ended_at = turn.now.wall;
  run.view.weight_per_ten_thousand = run.promoted_at != TimePoint{} ? policy::kWholeWeight : 0;
  turn.note("reload " + run.view.id + " " + std::string(to_string(phase)), run.view.message);
  turn.effects.emplace_back(RunEnded{run.view});
  model.ended.push_back(std::move(run.view));
  if (model.ended.size() > model.settings.most_ended) model.ended.pop_front();
}

State promote(Turn& turn, Run run) {
  Active& active = turn.active();
  Generation previous = Generation::kNone;
  if (active.life == ActiveLife::kUp) {
    previous = active.member.generation;
    retire(turn, active.member, RetiredBecause::kReplaced, run.policy->drain);
    turn.generations().retiring.back().warm_until = turn.now.at + run.policy->strategy.rollback_window;
  } else if (active.life == ActiveLife::kStarting) {
    stop_at_once(turn, active.member, RetiredBecause::kReplaced);
  }
  active = Active{run.candidate, ActiveLife::kUp, {}, {}, {}};
  turn.model.restarts.forget();
  close_oldest(turn, run.policy->drain);
  run.promoted_at = turn.now.at;
  run.view.phase = ReloadPhase::kDraining;
  run.view.reason = ReloadReason::kPromoted;
  run.view.weight_per_ten_thousand = policy::kWholeWeight;
  if (previous != Generation::kNone) return Draining{std::move(run), previous};
  finish(turn, std::move(run), ReloadPhase::kSucceeded, ReloadReason::kPromoted,
         describe(active.member.generation) + " is active");
  return Serving{};
}

State take_back(Turn& turn, Run run, ReloadPhase phase, ReloadReason reason, std::string message) {
  turn.effects.emplace_back(FetchOutput{run.candidate.generation});
  turn.note(describe(run.candidate.generation) + " is taken back", message);
  retire(turn, run.candidate, RetiredBecause::kTakenBack, run.policy->drain);
  run.view.phase = phase;
  run.view.reason = reason;
  run.view.message = std::move(message);
  run.view.weight_per_ten_thousand = 0;
  return RollingBack{std::move(run)};
}

State give_up(Turn& turn, Run run, ReloadPhase phase, ReloadReason reason, std::string message) {
  if (run.candidate.generation != Generation::kNone) {
    turn.effects.emplace_back(FetchOutput{run.candidate.generation});
    if (reason != ReloadReason::kExitedEarly && reason != ReloadReason::kForkedAway &&
        reason != ReloadReason::kLauncherLost && reason != ReloadReason::kSpawnFailed) {
      stop_at_once(turn, run.candidate, RetiredBecause::kTakenBack);
    }
  }
  unpark(turn);
  finish(turn, std::move(run), phase, reason, std::move(message));
  if (turn.active().life == ActiveLife::kGivenUp) end_container(turn);
  return settle(turn);
}

// Strategy Hold and the reload failed: the previous generation serves again, by itself when it was not
// stopped yet.
void unpark(Turn& turn) {
  Active& active = turn.active();
  if (active.life != ActiveLife::kParked) return;
  Retiring* parked = turn.generations().find_retiring(active.member.generation);
  if (parked != nullptr && !parked->signalled) {
    turn.generations().remove(active.member.generation);
    active.life = ActiveLife::kUp;
    return;
  }
  active.life = ActiveLife::kDown;
  active.restart_at = turn.now.at;
  active.is_alone = true;
}

}  // namespace sidestep::sidecar
