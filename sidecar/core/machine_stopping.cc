// Stopping: the end, in named stages (sidecar.md, "The pod's end").
#include <algorithm>
#include <utility>

#include "sidecar/core/machine_turn.h"

namespace sidestep::sidecar {

namespace {

bool runs_anything(const Turn& turn) {
  const auto is_ours = [](const Retiring& r) { return !r.member.recipe.attach; };
  const auto& retiring = turn.model.generations.retiring;
  return std::any_of(retiring.begin(), retiring.end(), is_ours);
}

bool all_idle(const Turn& turn) {
  const auto& retiring = turn.model.generations.retiring;
  return std::all_of(retiring.begin(), retiring.end(),
                     [](const Retiring& r) { return r.idle || r.signalled; });
}

// Nothing new from here on; tunnels are told to go (RFC 6455, 1001), requests may finish.
void start_draining(Stopping& state, Turn& turn) {
  state.stage = StopStage::kDraining;
  Active& active = turn.active();
  if (active.life == ActiveLife::kUp)
    retire(turn, active.member, RetiredBecause::kStopping, turn.model.policy->drain);
  if (active.life == ActiveLife::kStarting && state.because != StopBecause::kProxyEnds) {
    stop_at_once(turn, active.member, RetiredBecause::kStopping);
  }
  active.life = ActiveLife::kDown;
  for (Retiring& retiring : turn.generations().retiring) {
    if (retiring.closing.tunnel_close_code == 0) retiring.closing.tunnel_close_code = 1001;
    retiring.closing.tunnels_until = retiring.closing.requests_until = state.plan.drained_by;
    retiring.warm_until = turn.now.at;
    retiring.give_up_at = TimePoint::max();  // the plan decides when it is signalled
  }
}

void stop_apps(Stopping& state, Turn& turn) {
  state.stage = StopStage::kStopping;
  if (state.because == StopBecause::kProxyEnds) return;
  const auto grace = std::chrono::duration_cast<Millis>(state.plan.stopped_by - turn.now.at);
  for (Retiring& retiring : turn.generations().retiring) {
    if (retiring.signalled) continue;
    retiring.signalled = true;
    turn.effects.emplace_back(Stop{retiring.member.generation, std::max(grace, Millis{0})});
  }
}

void end(Stopping& state, Turn& turn) {
  state.stage = StopStage::kDone;
  switch (state.because) {
    case StopBecause::kTerminated:
      turn.effects.emplace_back(EndContainer{state.exit});
      turn.effects.emplace_back(Quit{state.exit});
      break;
    case StopBecause::kPodEnds:
      turn.effects.emplace_back(EndContainer{state.exit});
      turn.effects.emplace_back(PodMayGo{});
      if (state.quits_when_done) turn.effects.emplace_back(Quit{state.exit});
      break;
    case StopBecause::kProxyEnds:
      turn.effects.emplace_back(Quit{state.exit});
      break;
  }
}

// A few clients may come back elsewhere at once; thousands are closed at a pace, within bounds.
constexpr std::uint64_t kFewClients = 100;
constexpr std::chrono::microseconds kBetweenReleases{400};
constexpr Millis kLongestRelease{3'000};

// Both after the last request: first it stays quiet for a time, then silent clients are let go.
bool is_over(Stopping& state, TimePoint now) {
  if (state.release_by) return now >= *state.release_by;
  const ShutdownPlan& plan = state.plan;
  if (now < plan.quiet_by && now - state.last_request_at < plan.endpoints_grace) return false;
  if (state.because != StopBecause::kPodEnds || state.clients_seen <= kFewClients) return true;
  const auto pace = std::chrono::duration_cast<Millis>(state.clients_seen * kBetweenReleases);
  const auto room = std::chrono::duration_cast<Millis>((plan.drained_by - now) / 2);
  state.release_by = now + std::min({pace, room, kLongestRelease});
  return false;
}

State walk(Stopping state, Turn& turn) {
  const TimePoint now = turn.now.at;
  if (state.stage == StopStage::kQuieting && is_over(state, now)) start_draining(state, turn);
  if (state.stage == StopStage::kDraining && (all_idle(turn) || now >= state.plan.drained_by))
    stop_apps(state, turn);
  if (state.stage == StopStage::kStopping) {
    const bool gone =
        state.because == StopBecause::kProxyEnds || !runs_anything(turn) || now >= state.plan.end;
    if (gone) end(state, turn);
  }
  return state;
}

void refuse_commands(const Stopping& state, const Event& event, Turn& turn) {
  const std::string why = state.because == StopBecause::kPodEnds ? "the pod ends" : "the proxy ends";
  if (std::holds_alternative<AbortAsked>(event)) turn.accept({});  // the candidate was taken back already
  const bool wants = std::holds_alternative<Asked>(event) || std::holds_alternative<PromoteAsked>(event) ||
                     std::holds_alternative<WeightAsked>(event) ||
                     std::holds_alternative<PauseAsked>(event) || std::holds_alternative<ResumeAsked>(event);
  if (wants) turn.refuse(ErrorKind::kUnavailable, why + ": nothing is begun any more");
}

}  // namespace

void end_run(Turn& turn, State state) {
  if (auto* starting = std::get_if<Starting>(&state)) {
    if (starting->stage == StartStage::kReady) {
      stop_at_once(turn, starting->run.candidate, RetiredBecause::kTakenBack);
    }
    unpark(turn);
    finish(turn, std::move(starting->run), ReloadPhase::kAborted, ReloadReason::kPodEnding,
           "everything ends");
  } else if (auto* judging = std::get_if<Judging>(&state)) {
    retire(turn, judging->run.candidate, RetiredBecause::kTakenBack, judging->run.policy->drain);
    finish(turn, std::move(judging->run), ReloadPhase::kAborted, ReloadReason::kPodEnding, "everything ends");
  } else if (auto* draining = std::get_if<Draining>(&state)) {
    finish(turn, std::move(draining->run), ReloadPhase::kSucceeded, ReloadReason::kPromoted,
           "promoted; then the end came");
  } else if (auto* back = std::get_if<RollingBack>(&state)) {
    const ReloadView verdict = back->run.view;
    finish(turn, std::move(back->run), verdict.phase, verdict.reason, verdict.message);
  }
}

State stop(Turn& turn, StopBecause because) {
  Stopping state;
  state.because = because;
  state.plan = plan_shutdown(turn.model.policy->shutdown, because == StopBecause::kPodEnds, turn.now.at);
  state.last_request_at = turn.now.at;
  turn.note("stopping", because == StopBecause::kPodEnds      ? "the pod ends"
                        : because == StopBecause::kTerminated ? "asked to terminate"
                                                              : "the proxy's container ends; the app stays");
  return walk(std::move(state), turn);
}

State on(Stopping state, const Event& event, ActiveChange, Turn& turn) {
  refuse_commands(state, event, turn);
  if (std::holds_alternative<PodEnding>(event)) {
    if (state.stage == StopStage::kDone) turn.effects.emplace_back(PodMayGo{});
    if (state.because == StopBecause::kProxyEnds && state.stage < StopStage::kStopping) {
      state.because = StopBecause::kPodEnds;
    }
  }
  if (const auto* measured = as<Measured>(event)) {
    state.clients_seen = measured->clients;
    if (std::exchange(state.requests_seen, measured->requests) != measured->requests)
      state.last_request_at = turn.now.at;
  }
  if (std::holds_alternative<Term>(event)) {
    const bool over = state.stage == StopStage::kDone || !turn.model.launcher_up;
    state.quits_when_done = true;
    if (over && state.because == StopBecause::kPodEnds) turn.effects.emplace_back(Quit{state.exit});
    if (state.because == StopBecause::kTerminated) state.plan.quiet_by = turn.now.at;
  }
  return walk(std::move(state), turn);
}

}  // namespace sidestep::sidecar
