// The driver between two workers: what it hands over, and how it goes on from what it was given.
#include <utility>

#include "sidecar/io/driver.h"

namespace sidestep::sidecar {

// A reload that waits for word of memory waits for the next worker, or for thaw().
void Driver::freeze() {
  is_frozen_ = true;
  parts_.loop.cancel(memory_late_);
  for (auto& asked : std::exchange(asked_, {})) deferred_.push_back(std::move(asked));
}

void Driver::thaw() {
  is_frozen_ = false;
  step(event::Tick{});
  for (auto& [command, reply] : std::exchange(deferred_, {})) handle(std::move(command), std::move(reply));
}

void Driver::retire() {
  is_retired_ = true;
  close();
  for (FunctionTimer* timer : {&tick_, &measure_, &port_look_, &exposure_look_, &quit_})
    parts_.loop.cancel(*timer);
  prober_.keep_only({});
  events_.clear();
  for (auto& [command, reply] : std::exchange(deferred_, {})) reply({taken_over(), {}});
}

DriverState Driver::state() const {
  DriverState state;
  state.model = model_;
  for (const Generation generation : known_generations()) {
    if (const Facts* facts = fleet_.find(generation)) state.fleet.emplace(generation, *facts);
  }
  state.remembered = remembered_;
  state.decisions = *decisions_.view();
  state.routes_version = routes_.version;
  state.closing_since = closing_since_;
  state.serial = serial_;
  state.record = record_;
  state.policy_text = policy_text_;
  state.at_judging = at_judging_;
  state.snapshots = snapshots_;
  state.unchecked = unchecked_;
  state.is_booted = is_booted_;
  state.is_first_launcher = is_first_launcher_;
  return state;
}

void Driver::resume(DriverState state, std::vector<int> listeners) {
  is_frozen_ = true;
  const MachineSettings settings = model_.settings;
  model_ = std::move(state.model);
  model_.settings = settings;
  for (auto& [generation, facts] : state.fleet) fleet_.add(generation, std::move(facts));
  state.remembered.pod_uid = remembered_.pod_uid;
  remembered_ = std::move(state.remembered);
  for (Decision& decision : state.decisions) decisions_.add(std::move(decision));
  closing_since_ = std::move(state.closing_since);
  serial_ = state.serial;
  record_ = std::move(state.record);
  policy_text_ = std::move(state.policy_text);
  at_judging_ = std::move(state.at_judging);
  snapshots_ = std::move(state.snapshots);
  unchecked_ = std::move(state.unchecked);
  if (!unchecked_.empty()) parts_.loop.arm(exposure_look_, Millis{0});
  is_booted_ = state.is_booted;
  is_first_launcher_ = state.is_first_launcher;
  routes_ = routes_of(model_, [this](Generation g) { return fleet_.address_of(g); });
  routes_.version = state.routes_version + 1;
  routes_.accept_later = true;
  parts_.plane.start(std::move(listeners), std::make_shared<const RouteTable>(routes_));
  remembered_.listening = true;
  publish_snapshot();
}

void Driver::show_upgrade(const UpgradeView& view) {
  remembered_.upgrade = view;
  publish_snapshot();
}

}  // namespace sidestep::sidecar
