// The life of the active generation: started, restarted after it died, taken over from, given up.
#include <algorithm>

#include "sidecar/core/machine_turn.h"

namespace sidestep::sidecar {

namespace {

bool has_candidate(const State& state) {
  return std::holds_alternative<Starting>(state) || std::holds_alternative<Judging>(state);
}

// A generation that still drains for the running reload may take over, warm or not; later only within its
// window.
Retiring* successor(Turn& turn, const State& state) {
  if (const auto* draining = std::get_if<Draining>(&state)) {
    Retiring* previous = turn.generations().find_retiring(draining->previous);
    if (previous != nullptr && !previous->signalled) return previous;
  }
  return turn.generations().warm(turn.now.at);
}

ActiveChange take_over(Turn& turn, const Retiring& successor, const std::string& why) {
  const Member member = successor.member;
  turn.note(describe(member.generation) + " takes over", why);
  turn.generations().remove(member.generation);
  turn.active() = Active{member, ActiveLife::kUp, {}, {}, turn.active().last_exit};
  return ActiveChange::kTookOver;
}

ActiveChange died(Turn& turn, const State& state, const std::string& why, bool retry_is_hopeless) {
  Active& active = turn.active();
  if (std::holds_alternative<Stopping>(state)) {
    active.life = ActiveLife::kDown;
    return ActiveChange::kDied;
  }
  if (Retiring* warm = successor(turn, state)) return take_over(turn, *warm, why);
  const double random = static_cast<double>(turn.random() >> 11) * 0x1.0p-53;
  const std::optional<Millis> delay =
      retry_is_hopeless ? std::nullopt : turn.model.restarts.died(turn.now.at, random);
  if (!delay) {
    active.life = ActiveLife::kGivenUp;
    turn.note("active is given up", why + "; too often, or without hope");
    if (!has_candidate(state)) end_container(turn);
    return ActiveChange::kGaveUp;
  }
  active.life = ActiveLife::kDown;
  active.restart_at = turn.now.at + *delay;
  turn.note("active is restarted in " + std::to_string(delay->count()) + " ms", why);
  return ActiveChange::kDied;
}

bool may_spawn(const Turn& turn, const State& state) {
  if (std::holds_alternative<Stopping>(state) || turn.model.awaits_container) return false;
  const Active& active = turn.model.generations.active;
  if (waits_for_room(turn.model)) return false;
  return active.life == ActiveLife::kDown && (turn.model.launcher_up || active.member.recipe.attach);
}

// Restarts run on the configuration snapshot of the generation that died, not on what is mounted now.
void start_active(Turn& turn) {
  Active& active = turn.active();
  const bool first = active.member.generation == Generation::kNone;
  active.member.generation = turn.generations().next();
  if (first)
    active.member.snapshot_of = active.member.generation;
  else
    ++active.member.restarts, ++turn.model.restart_count;
  active.life = ActiveLife::kStarting;
  active.is_alone = false;
  active.ready_by = turn.now.at + turn.model.policy->readiness.start_deadline;
  spawn(turn, active.member);
}

ActiveChange on_time(Turn& turn, const State& state) {
  Active& active = turn.active();
  if (active.life == ActiveLife::kStarting && turn.now.at >= active.ready_by) {
    const std::string why = describe(active.member.generation) + " was not ready within " +
                            std::to_string(turn.model.policy->readiness.start_deadline.count()) + " s";
    stop_at_once(turn, active.member, RetiredBecause::kReplaced);
    return died(turn, state, why, false);
  }
  if (may_spawn(turn, state) && turn.now.at >= active.restart_at) start_active(turn);
  return ActiveChange::kNone;
}

}  // namespace

// An app that was given up did not succeed, whatever it said itself.
void end_container(Turn& turn) {
  ExitStatus exit = turn.active().last_exit;
  if (exit.status == 0 && exit.signal == 0) exit.status = 1;
  turn.effects.emplace_back(EndContainer{exit});
  if (turn.model.settings.run_mode) turn.effects.emplace_back(Quit{exit});
}

ActiveChange handle_active(Turn& turn, const Event& event, const State& state) {
  Active& active = turn.active();
  const Generation generation = active.member.generation;
  const bool lives = active.life == ActiveLife::kUp || active.life == ActiveLife::kStarting;
  if (const auto* exited = as<Exited>(event);
      exited != nullptr && lives && exited->generation == generation) {
    active.last_exit = exited->exit;
    return died(turn, state, describe(generation) + " " + describe(*exited), false);
  }
  if (const auto* failed = as<SpawnFailed>(event);
      failed != nullptr && lives && failed->generation == generation) {
    active.last_exit = ExitStatus{127, 0};  // as a shell says it
    return died(turn, state, failed->message, active.member.restarts == 0);
  }
  if (const auto* ready = as<Ready>(event);
      ready != nullptr && active.life == ActiveLife::kStarting && ready->generation == generation) {
    active.life = ActiveLife::kUp;
    return ActiveChange::kCameUp;
  }
  return on_time(turn, state);
}

}  // namespace sidestep::sidecar
