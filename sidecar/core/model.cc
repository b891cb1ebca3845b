#include "sidecar/core/model.h"

namespace sidestep::sidecar {

namespace {

struct PhaseOf {
  Phase operator()(const Serving&) const { return Phase::kServing; }
  Phase operator()(const Holding&) const { return Phase::kHolding; }
  Phase operator()(const Starting&) const { return Phase::kStarting; }
  Phase operator()(const Judging&) const { return Phase::kJudging; }
  Phase operator()(const Draining&) const { return Phase::kDraining; }
  Phase operator()(const RollingBack&) const { return Phase::kRollingBack; }
  Phase operator()(const Stopping&) const { return Phase::kStopping; }
};

}  // namespace

Phase phase_of(const Model& model) { return std::visit(PhaseOf{}, model.state); }

bool waits_for_room(const Model& model) {
  const Generations& all = model.generations;
  const bool alone = all.active.is_alone || model.policy->strategy.type == policy::StrategyType::kHold;
  return alone && !all.is_clear();
}

const Run* run_of(const State& state) {
  return std::visit(
      [](const auto& s) -> const Run* {
        if constexpr (requires { s.run; })
          return &s.run;
        else
          return nullptr;
      },
      state);
}

Run* run_of(State& state) { return const_cast<Run*>(run_of(static_cast<const State&>(state))); }

const ReloadView* find_record(const Model& model, const std::string& id) {
  if (id.empty()) return nullptr;
  if (const Run* run = run_of(model.state); run != nullptr && run->view.id == id) return &run->view;
  for (const ReloadView& view : model.ended) {
    if (view.id == id) return &view;
  }
  return nullptr;
}

}  // namespace sidestep::sidecar
