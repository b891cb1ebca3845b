// What the state handlers of the reload machine share. Not for use outside machine_*.cc and
// reload_machine.cc.
#pragma once

#include <string>
#include <utility>

#include "sidecar/core/events.h"
#include "sidecar/core/model.h"

namespace sidestep::sidecar {

using namespace event;  // the handlers speak of nothing else
using namespace effect;

// One call of advance().
struct Turn {
  Model& model;  // its `state` is moved out while a handler runs
  const Now& now;
  Effects effects;

  Generations& generations() { return model.generations; }
  Active& active() { return model.generations.active; }
  void note(std::string what, std::string why) {
    effects.emplace_back(Note{std::move(what), std::move(why)});
  }
  void accept(const std::string& reload) { effects.emplace_back(Accept{reload}); }
  void refuse(ErrorKind kind, std::string detail) {
    effects.emplace_back(Refuse{Error{kind, Fault::kClient, Retry::kLater, std::move(detail)}});
  }
  std::uint64_t random();
};

template <typename T>
const T* as(const Event& event) {
  return std::get_if<T>(&event);
}

// What an event did to the active generation, before the state's own handler runs.
enum class ActiveChange : std::uint8_t { kNone, kCameUp, kDied, kTookOver, kGaveUp };

std::string describe(Generation generation);  // "generation 4"
std::string describe(
    const Exited& exited);  // "exited with status 1", "was killed by signal 9 (out of memory)"

ReloadReason reason_of(const Exited& exited);  // of a reload whose candidate exited so

// machine_runs.cc: how a reload begins and ends
State begin(Turn& turn, const Asked& asked);
// Ends the record. A reload that ended before promotion is answered with the candidate's last output.
void finish(Turn& turn, Run run, ReloadPhase phase, ReloadReason reason, std::string message);
State start_candidate(Turn& turn, Run run);
State promote(Turn& turn, Run run);
// The candidate lives and may have traffic: drains for rollbackDrainSeconds, then is stopped.
State take_back(Turn& turn, Run run, ReloadPhase phase, ReloadReason reason, std::string message);
// The candidate is dead, or never had traffic.
State give_up(Turn& turn, Run run, ReloadPhase phase, ReloadReason reason, std::string message);
void unpark(Turn& turn);
State settle(Turn& turn);  // Serving, or Holding while active is not up
void spawn(Turn& turn, const Member& member);
// False, with a refusal, unless the command names this reload (or none).
bool is_about(Turn& turn, const Run& run, const std::string& id);
std::string why_aborted(const AbortAsked& abort);

// machine_retiring.cc
void retire(Turn& turn, const Member& member, RetiredBecause because, const policy::Drain& drain);
void stop_at_once(Turn& turn, const Member& member, RetiredBecause because);
void close_oldest(Turn& turn, const policy::Drain& drain);
void handle_retiring(Turn& turn, const Event& event, const State& state);
void forget_unused_snapshots(Turn& turn, const State& state);

// machine_active.cc
ActiveChange handle_active(Turn& turn, const Event& event, const State& state);
void end_container(Turn& turn);

// One handler per state: machine_serving.cc, machine_starting.cc, machine_judging.cc, machine_stopping.cc
State on(Serving state, const Event& event, ActiveChange change, Turn& turn);
State on(Holding state, const Event& event, ActiveChange change, Turn& turn);
State on(Starting state, const Event& event, ActiveChange change, Turn& turn);
State on(Judging state, const Event& event, ActiveChange change, Turn& turn);
State on(Draining state, const Event& event, ActiveChange change, Turn& turn);
State on(RollingBack state, const Event& event, ActiveChange change, Turn& turn);
State on(Stopping state, const Event& event, ActiveChange change, Turn& turn);
State judge_or_promote(Turn& turn, Run run);
State stop(Turn& turn, StopBecause because);
// The reload that is under way in `state` is ended, because everything ends; its candidate is drained or
// stopped.
void end_run(Turn& turn, State state);
void pause(Run& run, TimePoint now);
// How long the reload stood still; zero when it was not paused.
Millis resume(Run& run, TimePoint now);

}  // namespace sidestep::sidecar
