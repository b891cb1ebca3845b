// Serving, Holding, Draining, RollingBack: the states in which the next reload may begin.
#include "sidecar/core/machine_turn.h"

namespace sidestep::sidecar {

namespace {

// Serving and Holding differ only in whether active is up.
State at_rest(const Event& event, Turn& turn) {
  if (const auto* asked = as<Asked>(event)) return begin(turn, *asked);
  const bool wants_run =
      std::holds_alternative<WeightAsked>(event) || std::holds_alternative<PromoteAsked>(event) ||
      std::holds_alternative<PauseAsked>(event) || std::holds_alternative<ResumeAsked>(event);
  if (wants_run) turn.refuse(ErrorKind::kConflict, "no reload is under way");
  if (const auto* abort = as<AbortAsked>(event)) {
    const ReloadView* view = find_record(turn.model, abort->command.reload);
    if (view != nullptr && view->phase == ReloadPhase::kSucceeded) {
      turn.refuse(ErrorKind::kConflict,
                  "reload " + view->id + " has succeeded already; start another one to go back");
    } else {
      turn.accept(abort->command.reload);
    }
  }
  return settle(turn);
}

// Commands that come too late for a reload that was promoted or taken back already.
void answer_late(const Event& event, const Run& run, Turn& turn) {
  const bool promoted = run.view.phase == ReloadPhase::kDraining;
  const std::string what = promoted ? "was promoted already" : "is being taken back already";
  if (const auto* promote = as<PromoteAsked>(event);
      promote != nullptr && is_about(turn, run, promote->command.reload)) {
    if (promoted)
      turn.accept(run.view.id);
    else
      turn.refuse(ErrorKind::kConflict, "reload " + run.view.id + " " + what);
  }
  if (const auto* abort = as<AbortAsked>(event);
      abort != nullptr && is_about(turn, run, abort->command.reload)) {
    if (promoted)
      turn.refuse(ErrorKind::kConflict, "reload " + run.view.id + " " + what);
    else
      turn.accept(run.view.id);
  }
  const bool steers = std::holds_alternative<WeightAsked>(event) ||
                      std::holds_alternative<PauseAsked>(event) || std::holds_alternative<ResumeAsked>(event);
  if (steers) turn.refuse(ErrorKind::kConflict, "reload " + run.view.id + " " + what);
}

bool only_tunnels_are_left(const Event& event, Generation generation) {
  const auto* measured = as<Measured>(event);
  if (measured == nullptr) return false;
  for (const OpenStreams& open : measured->open) {
    if (open.generation == generation) return open.tunnels > 0 && open.in_flight <= open.tunnels;
  }
  return false;
}

std::string end_of_drain(const Retiring* previous, Generation generation, const Run& run) {
  const std::string now_active = describe(run.candidate.generation) + " is active";
  if (previous == nullptr) return now_active + "; " + describe(generation) + " has ended";
  if (previous->idle) return now_active + "; " + describe(generation) + " has finished what it had";
  if (previous->signalled) return now_active + "; " + describe(generation) + " reached its drain deadline";
  return now_active + "; " + describe(generation) + " keeps its open tunnels until they close";
}

}  // namespace

State on(Serving, const Event& event, ActiveChange, Turn& turn) { return at_rest(event, turn); }

State on(Holding, const Event& event, ActiveChange, Turn& turn) { return at_rest(event, turn); }

State on(Draining state, const Event& event, ActiveChange change, Turn& turn) {
  Run& run = state.run;
  answer_late(event, run, turn);
  if (change != ActiveChange::kNone) {
    const std::string then = change == ActiveChange::kTookOver
                                 ? describe(turn.active().member.generation) + " took over again"
                                 : "it is started again";
    std::string message = describe(run.candidate.generation) + " died right after its promotion; " + then;
    finish(turn, std::move(run), ReloadPhase::kFailed, ReloadReason::kActiveDied, std::move(message));
    return settle(turn);
  }
  if (const auto* asked = as<Asked>(event)) {
    finish(turn, std::move(run), ReloadPhase::kSuperseded, ReloadReason::kSuperseded,
           "another reload began before the drain was over");
    return begin(turn, *asked);
  }
  const Retiring* previous = turn.generations().find_retiring(state.previous);
  const bool left = previous == nullptr || previous->idle || previous->signalled ||
                    only_tunnels_are_left(event, state.previous);
  if (!left) return state;
  std::string message = end_of_drain(previous, state.previous, run);
  finish(turn, std::move(run), ReloadPhase::kSucceeded, ReloadReason::kPromoted, std::move(message));
  return settle(turn);
}

State on(RollingBack state, const Event& event, ActiveChange, Turn& turn) {
  Run& run = state.run;
  answer_late(event, run, turn);
  const auto* output = as<Output>(event);
  // A generation that is gone already has no lines left; those that came with its end are kept.
  if (output != nullptr && output->generation == run.candidate.generation && !output->lines.empty()) {
    run.view.output = output->lines;
  }
  const Retiring* candidate = turn.generations().find_retiring(run.candidate.generation);
  const auto* asked = as<Asked>(event);
  if (asked == nullptr && candidate != nullptr && !candidate->signalled) return state;
  const ReloadView verdict = run.view;
  finish(turn, std::move(run), verdict.phase, verdict.reason, verdict.message);
  if (turn.active().life == ActiveLife::kGivenUp && asked == nullptr) end_container(turn);
  return asked != nullptr ? begin(turn, *asked) : settle(turn);
}

}  // namespace sidestep::sidecar
