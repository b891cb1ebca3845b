#include "sidecar/core/reload_machine.h"

#include <algorithm>

#include "sidecar/core/machine_turn.h"

namespace sidestep::sidecar {

// clang-format off
// The two tables are the specification; reload_machine_table_test.cc reads them and tries every cell.
//
// A name: the next state. ok: accepted, same state. no: refused, same state. =: noted, same state. -: nothing happens.
// c: candidate, a: active (nobody is warm), r: a retiring generation; ready: the one that was being started. `late`: the
// state's own deadline has passed.
//
// commands    | asked    | abort       | promote  | force    | weight | pause | resume | policy | term     | pod ends
// Serving     | Starting | ok          | no       | no       | no     | no    | no     | ok     | Stopping | Stopping
// Holding     | Starting | ok          | no       | no       | no     | no    | no     | ok     | Stopping | Stopping
// Starting    | no       | Serving     | no       | Draining | no     | ok    | ok     | ok     | Stopping | Stopping
// Judging     | no       | RollingBack | Draining | Draining | ok     | ok    | ok     | ok     | Stopping | Stopping
// Draining    | Starting | no          | ok       | ok       | no     | no    | no     | ok     | Stopping | Stopping
// RollingBack | Starting | ok          | no       | no       | no     | no    | no     | ok     | Stopping | Stopping
// Stopping    | no       | ok          | no       | no       | no     | no    | no     | ok     | =        | =
//
// happenings  | ready    | unready(c)  | exited(c) | exited(a) | exited(r) | idle(r) | worse       | late        | lost | back
// Serving     | -        | -           | -         | Holding   | =         | =       | -           | -           | =    | =
// Holding     | Serving  | -           | -         | =         | =         | =       | -           | =           | =    | =
// Starting    | Judging  | -           | Serving   | =         | =         | =       | -           | Serving     | =    | =
// Judging     | -        | RollingBack | Serving   | =         | =         | =       | RollingBack | RollingBack | =    | =
// Draining    | -        | -           | -         | Serving   | Serving   | Serving | -           | Serving     | =    | =
// RollingBack | -        | -           | Serving   | =         | =         | =       | -           | Serving     | =    | =
// Stopping    | -        | -           | -         | =         | =         | =       | =           | =           | =    | =
//
// Settled cases that a table cannot hold:
// - Starting, promoted or ready: the last step at full weight without a pause is no step; the state is Draining at once,
//   or Serving when there is nobody to drain.
// - Starting under strategy Hold first waits until no process of active is left (Gone: its locks are free), then starts
//   the candidate, and promotes it when ready. A restart of active under Hold waits in the same way. Both are bounded.
// - Active dies in Judging: requests are held and it is started again; only `promote --force` makes the candidate active.
//   It was down already when the reload was asked for: the candidate is promoted as soon as it is ready.
// - Draining, exited(a): the retiring generation takes over at once; the reload has failed. So also in Serving within
//   the rollback window.
// - A lost launcher that is not back within its grace took every generation with it: each has exited then.
// - SIGTERM at the launcher without a pod's end: active is drained, then the container may restart; requests are held.
// clang-format on

namespace {

std::vector<Member> living(const Model& model) {
  std::vector<Member> members;
  const Active& active = model.generations.active;
  if (active.life == ActiveLife::kUp || active.life == ActiveLife::kStarting)
    members.push_back(active.member);
  for (const Retiring& retiring : model.generations.retiring) members.push_back(retiring.member);
  const bool has_candidate =
      std::holds_alternative<Starting>(model.state) || std::holds_alternative<Judging>(model.state);
  const Run* run = run_of(model.state);
  if (has_candidate && run->candidate.generation != Generation::kNone) members.push_back(run->candidate);
  std::erase_if(members, [](const Member& member) { return member.recipe.attach.has_value(); });
  return members;
}

bool contains(const std::vector<Generation>& all, Generation generation) {
  return std::find(all.begin(), all.end(), generation) != all.end();
}

// Those of ours that are not among `running` have exited; nobody saw how.
void append(Step& step, Step next) {
  step.model = std::move(next.model);
  std::move(next.effects.begin(), next.effects.end(), std::back_inserter(step.effects));
}

Step bury(Model model, const std::vector<Generation>& running, const Now& now) {
  Step step{std::move(model), {}};
  for (const Member& member : living(step.model)) {
    if (contains(running, member.generation)) continue;
    append(step, advance(std::move(step.model),
                         Exited{member.generation, ExitStatus{0, 9}, false, false, {}, false, true}, now));
  }
  return step;
}

// The launcher is there. What it runs and we do not know is left over from another life.
Step launcher_came(Model model, const LauncherUp& up, const Now& now) {
  model.launcher_up = true;
  model.launcher_lost_at.reset();
  model.generations.leaving.clear();
  for (const Generation leaving : up.leaving)
    model.generations.leave(leaving, now.at + model.settings.gone_wait);
  if (up.running.empty()) model.awaits_container = false;
  Active& active = model.generations.active;
  if (up.running.empty() &&
      active.life == ActiveLife::kGivenUp) {  // its container was restarted: another chance
    active.life = ActiveLife::kDown;
    active.restart_at = now.at;
    model.restarts.forget();
  }
  Recipe& recipe = active.member.recipe;
  if (recipe.command.empty() && !recipe.attach) recipe.command = up.command;
  Step step = bury(std::move(model), up.running, now);
  const std::vector<Member> known = living(step.model);
  for (const Generation running : up.running) {
    const auto same = [&](const Member& member) { return member.generation == running; };
    if (std::any_of(known.begin(), known.end(), same)) continue;
    step.effects.emplace_back(Stop{running, step.model.policy->shutdown.app_stop});
  }
  return step;
}

// SIGTERM at the launcher, and no word that the pod ends: only the app's container is about to restart.
State restart_container(Turn& turn, State state) {
  turn.note("the app container restarts", "SIGTERM at the launcher, and the pod does not end");
  end_run(turn, std::move(state));
  Active& active = turn.active();
  if (active.life == ActiveLife::kUp) {
    retire(turn, active.member, RetiredBecause::kContainerRestart, turn.model.policy->drain);
  } else if (active.life == ActiveLife::kStarting) {
    stop_at_once(turn, active.member, RetiredBecause::kContainerRestart);
  }
  active.life = ActiveLife::kDown;
  active.restart_at = turn.now.at;
  turn.model.awaits_container = true;
  return Holding{};
}

State container_event(Turn& turn, const Event& event, State state) {
  Model& model = turn.model;
  if (std::holds_alternative<Stopping>(state)) return state;
  if (std::holds_alternative<AppTerm>(event) && !model.app_term_at) model.app_term_at = turn.now.at;
  if (model.app_term_at && turn.now.at >= *model.app_term_at + model.settings.app_term_wait) {
    model.app_term_at.reset();
    state = restart_container(turn, std::move(state));
  }
  const auto& retiring = model.generations.retiring;
  const bool nothing_runs = std::all_of(retiring.begin(), retiring.end(),
                                        [](const Retiring& r) { return r.member.recipe.attach.has_value(); });
  if (model.awaits_container && nothing_runs && model.launcher_up) {
    turn.effects.emplace_back(EndContainer{});
    model.launcher_up = false;  // it goes; the next one announces itself
  }
  return state;
}

// Events that mean the same in every state.
void common_event(Turn& turn, const Event& event) {
  Model& model = turn.model;
  if (const auto* set = as<PolicySet>(event)) {
    model.policy = set->policy;
    model.policy_uid = set->policy_uid;
    turn.accept({});
  }
  if (std::holds_alternative<LauncherLost>(event)) {
    model.launcher_up = false;
    model.launcher_lost_at = turn.now.at;
  }
  if (const auto* output = as<Output>(event); output != nullptr && !output->lines.empty()) {
    for (ReloadView& view : model.ended) {
      if (view.generation == output->generation && view.reason != ReloadReason::kPromoted)
        view.output = output->lines;
    }
  }
}

StopBecause cause_of(const Model& model, const Event& event) {
  if (std::holds_alternative<PodEnding>(event)) return StopBecause::kPodEnds;
  return model.settings.run_mode ? StopBecause::kTerminated : StopBecause::kProxyEnds;
}

Step react(Model model, const Event& event, const Now& now) {
  State state = std::move(model.state);
  Turn turn{model, now, {}};
  common_event(turn, event);
  handle_retiring(turn, event, state);
  const ActiveChange change = handle_active(turn, event, state);
  state = container_event(turn, event, std::move(state));
  const bool ends = std::holds_alternative<Term>(event) || std::holds_alternative<PodEnding>(event) ||
                    (std::holds_alternative<AppTerm>(event) && model.settings.run_mode);
  if (ends && !std::holds_alternative<Stopping>(state)) {
    end_run(turn, std::move(state));
    state = stop(turn, cause_of(model, event));
  } else {
    state = std::visit([&](auto s) { return on(std::move(s), event, change, turn); }, std::move(state));
  }
  forget_unused_snapshots(turn, state);
  model.state = std::move(state);
  return Step{std::move(model), std::move(turn.effects)};
}

bool is_overdue(const Model& model, TimePoint now) {
  return model.launcher_lost_at && now >= *model.launcher_lost_at + model.settings.launcher_grace;
}

}  // namespace

Step advance(Model model, const Event& event, const Now& now) {
  if (const auto* asked = as<Asked>(event);
      asked != nullptr && find_record(model, asked->command.id) != nullptr) {
    return Step{std::move(model), {Accept{asked->command.id}}};
  }
  Step step{std::move(model), {}};
  if (const auto* up = as<LauncherUp>(event)) step = launcher_came(std::move(step.model), *up, now);
  if (is_overdue(step.model, now.at)) {
    step.model.launcher_lost_at.reset();
    step.model.generations.leaving.clear();
    append(step, bury(std::move(step.model), {}, now));
  }
  append(step, react(std::move(step.model), event, now));
  return step;
}

}  // namespace sidestep::sidecar
