// What must be true while the model is as it is: routes, probes, deadlines (reload_machine.h).
#include <algorithm>

#include "sidecar/core/reload_machine.h"

namespace sidestep::sidecar {

namespace {

class Earliest {
 public:
  void add(TimePoint at) {
    if (at != TimePoint::max() && (!at_ || at < *at_)) at_ = at;
  }
  std::optional<TimePoint> get() const { return at_; }

 private:
  std::optional<TimePoint> at_;
};

void add_state_deadline(Earliest& earliest, const Model& model) {
  if (const auto* starting = std::get_if<Starting>(&model.state)) earliest.add(starting->give_up_at);
  if (const auto* judging = std::get_if<Judging>(&model.state);
      judging != nullptr && !judging->run.is_paused) {
    if (judging->run.view.managed) {
      earliest.add(judging->silent_at);
    } else if (model.generations.active.life == ActiveLife::kUp) {
      earliest.add(judging->awaits_verdict ? judging->give_up_at : judging->due);
    }
  }
  if (const auto* stopping = std::get_if<Stopping>(&model.state)) {
    const ShutdownPlan& plan = stopping->plan;
    switch (stopping->stage) {
      case StopStage::kQuieting:
        earliest.add(stopping->release_by.value_or(
            std::min(plan.quiet_by, stopping->last_request_at + plan.endpoints_grace)));
        break;
      case StopStage::kDraining:
        earliest.add(plan.drained_by);
        break;
      case StopStage::kStopping:
        earliest.add(plan.end);
        break;
      case StopStage::kDone:
        break;
    }
  }
}

void add_generation_deadlines(Earliest& earliest, const Model& model) {
  const Active& active = model.generations.active;
  const bool stopping = std::holds_alternative<Stopping>(model.state);
  if (active.life == ActiveLife::kStarting) earliest.add(active.ready_by);
  const bool may_start = model.launcher_up || active.member.recipe.attach.has_value();
  if (active.life == ActiveLife::kDown && may_start && !stopping && !model.awaits_container &&
      !waits_for_room(model)) {
    earliest.add(active.restart_at);
  }
  if (stopping) return;
  for (const Leaving& leaving : model.generations.leaving) earliest.add(leaving.until);
  for (const Retiring& retiring : model.generations.retiring) {
    if (retiring.signalled) continue;
    earliest.add(retiring.idle ? retiring.warm_until : std::max(retiring.give_up_at, retiring.warm_until));
  }
}

void route_stopping(RouteTable& routes, const Stopping& stopping) {
  routes.announce_close = true;
  routes.release_by = stopping.release_by;
  if (stopping.stage == StopStage::kQuieting) return;
  routes.active.reset();
  routes.refuse = true;
  routes.stop_listening = true;
}

}  // namespace

RouteTable routes_of(const Model& model, const std::function<AppAddress(Generation)>& address_of) {
  RouteTable routes;
  const Active& active = model.generations.active;
  if (active.life == ActiveLife::kUp) {
    routes.active = RouteEntry{active.member.generation, address_of(active.member.generation)};
  }
  if (const auto* judging = std::get_if<Judging>(&model.state); judging != nullptr && judging->weight > 0) {
    const Generation candidate = judging->run.candidate.generation;
    routes.candidate = RouteEntry{candidate, address_of(candidate)};
    routes.candidate_weight = judging->weight;
    routes.weight_seed = judging->run.seed;
  }
  for (const Retiring& retiring : model.generations.retiring) routes.closing.push_back(retiring.closing);
  if (const auto* stopping = std::get_if<Stopping>(&model.state)) route_stopping(routes, *stopping);
  return routes;
}

std::vector<Generation> probed_by(const Model& model) {
  std::vector<Generation> probed;
  const Active& active = model.generations.active;
  if (active.life == ActiveLife::kUp || active.life == ActiveLife::kStarting)
    probed.push_back(active.member.generation);
  const auto* starting = std::get_if<Starting>(&model.state);
  if (starting != nullptr && starting->stage == StartStage::kReady) {
    probed.push_back(starting->run.candidate.generation);
  }
  if (const auto* judging = std::get_if<Judging>(&model.state))
    probed.push_back(judging->run.candidate.generation);
  return probed;
}

bool is_measured(const Model& model) {
  return std::holds_alternative<Judging>(model.state) || std::holds_alternative<Draining>(model.state) ||
         std::holds_alternative<Stopping>(model.state);
}

std::optional<TimePoint> deadline_of(const Model& model) {
  Earliest earliest;
  add_state_deadline(earliest, model);
  add_generation_deadlines(earliest, model);
  if (model.launcher_lost_at) earliest.add(*model.launcher_lost_at + model.settings.launcher_grace);
  const bool stopping = std::holds_alternative<Stopping>(model.state);
  if (model.app_term_at && !stopping) earliest.add(*model.app_term_at + model.settings.app_term_wait);
  return earliest.get();
}

}  // namespace sidestep::sidecar
