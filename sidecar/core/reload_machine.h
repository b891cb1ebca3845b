// The state machine of the sidecar: (model, event, now) → (model, effects). Total: every event is defined in
// every state (the table stands in reload_machine.cc and is held against the code by a test).
//
// Decides only. The driver (io/driver.cc) is its only caller: it performs the effects, then makes the
// projections below true (publishes routes, probes, waits until the next deadline, writes the journal).
// Control thread.
#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "sidecar/core/events.h"
#include "sidecar/core/model.h"
#include "sidecar/core/route_table.h"

namespace sidestep::sidecar {

struct Step {
  Model model;
  Effects effects;
};

Step advance(Model model, const Event& event, const Now& now);

// ---- Projections: what must be true while the model is as it is. ----

// Where new streams go. The version is left 0. `address_of` knows every generation that was spawned.
RouteTable routes_of(const Model& model, const std::function<AppAddress(Generation)>& address_of);
// Which generations are probed.
std::vector<Generation> probed_by(const Model& model);
// Whether Measured is wanted every 100 ms.
bool is_measured(const Model& model);
// When Tick is due; none: not before another event.
std::optional<TimePoint> deadline_of(const Model& model);

}  // namespace sidestep::sidecar
