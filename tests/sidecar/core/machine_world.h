// A machine with a clock moved by hand: every event goes in through on(), every effect is kept until it is
// asked for.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "sidecar/core/reload_machine.h"

namespace sidestep::sidecar {

using namespace std::chrono_literals;
using namespace event;
using namespace effect;

constexpr Generation gen(std::uint32_t n) { return Generation{n}; }

class MachineWorld {
 public:
  MachineWorld() {
    policy = std::make_shared<policy::PolicySpec>();
    model.policy = policy;
    model.generations.active.member.recipe.command = {"app", "{port}"};
    model.generations.active.restart_at = now.at;
    model.random = 7;
  }

  // Returns the effects of this step alone.
  const Effects& on(const Event& event) {
    Step step = advance(model, event, now);
    model = std::move(step.model);
    effects = std::move(step.effects);
    for (const Effect& effect : effects) all.push_back(effect);
    return effects;
  }
  const Effects& after(Millis wait) {
    now.at += wait;
    now.wall += wait;
    return on(Tick{});
  }

  // Brings up generation 1.
  void serve() {
    on(LauncherUp{});
    on(Ready{gen(1)});
  }
  const Effects& ask(std::string id = "r1") {
    Asked asked;
    asked.command.id = std::move(id);
    return on(asked);
  }
  void steps(std::vector<policy::RolloutStep> list) { edit().rollout.steps = std::move(list); }
  // To a judged candidate with number 2 at 5 % for 30 s, then everything.
  void judge() {
    steps({{{}, 500, Seconds{30}}, {{}, 10'000, Seconds{0}}});
    ask();
    on(Ready{gen(2)});
  }
  policy::PolicySpec& edit() {
    policy = std::make_shared<policy::PolicySpec>(*policy);
    model.policy = policy;
    return *policy;
  }

  Phase phase() const { return phase_of(model); }
  RouteTable routes() const {
    return routes_of(model, [](Generation g) {
      return AppAddress{static_cast<std::uint16_t>(number(g)), {}};
    });
  }
  Generation routed() const {
    const RouteTable table = routes();
    return table.active ? table.active->generation : Generation::kNone;
  }
  const ReloadView& last_ended() const { return model.ended.back(); }

  template <typename T>
  const T* did() const {
    for (const Effect& effect : effects) {
      if (const T* found = std::get_if<T>(&effect)) return found;
    }
    return nullptr;
  }
  template <typename T>
  std::size_t count() const {
    std::size_t n = 0;
    for (const Effect& effect : all) n += std::holds_alternative<T>(effect) ? 1U : 0U;
    return n;
  }
  bool spawned(std::uint32_t n) const {
    const Spawn* spawn = did<Spawn>();
    return spawn != nullptr && spawn->member.generation == gen(n);
  }
  bool stopped(std::uint32_t n) const {
    for (const Effect& effect : effects) {
      const Stop* stop = std::get_if<Stop>(&effect);
      if (stop != nullptr && stop->generation == gen(n)) return true;
    }
    return false;
  }

  std::shared_ptr<policy::PolicySpec> policy;
  Model model;
  Now now{TimePoint{1000s}, WallTime{1'700'000'000s}};
  Effects effects;  // of the last step
  Effects all;      // of all steps
};

// Ended, and left processes behind: Gone follows.
inline Exited exited_first(std::uint32_t n, int status) {
  return Exited{gen(n), ExitStatus{status, 0}, false, false, {}, true};
}

inline Exited exited(std::uint32_t n, int status, int signal = 0) {
  return Exited{gen(n), ExitStatus{status, signal}, false, false, {"last words"}};
}

inline Measured measured(std::uint64_t requests, std::uint64_t errors) {
  Measured m;
  m.active = {1000, 0};
  m.candidate = {requests, errors};
  return m;
}

}  // namespace sidestep::sidecar
