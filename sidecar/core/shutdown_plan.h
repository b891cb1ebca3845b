// Divides the pod's grace period: endpoints grace, drain, app stop, reserve.
//
// The whole plan fits into the grace period whatever the settings; with a grace too short for them, each part
// shrinks.
#pragma once

#include "lib/base/clock.h"
#include "lib/policy/spec.h"

namespace sidestep::sidecar {

struct ShutdownPlan {
  Millis endpoints_grace{0};  // no new request for that long ends the first part
  TimePoint quiet_by{};       // the first part ends then, whatever comes
  TimePoint drained_by{};     // open streams are cut then
  TimePoint stopped_by{};     // the app is killed then
  TimePoint end{};            // the grace period's end; between stopped_by and end lies the reserve
};

// `wait_for_quiet`: endpoints lag behind a pod's end; nobody lags behind the end of a process on a laptop.
ShutdownPlan plan_shutdown(const policy::Shutdown& shutdown, bool wait_for_quiet, TimePoint now);

}  // namespace sidestep::sidecar
