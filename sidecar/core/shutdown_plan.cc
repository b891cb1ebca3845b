#include "sidecar/core/shutdown_plan.h"

#include <algorithm>

namespace sidestep::sidecar {

namespace {

constexpr Millis kReserve{2'000};

}  // namespace

ShutdownPlan plan_shutdown(const policy::Shutdown& shutdown, bool wait_for_quiet, TimePoint now) {
  const Millis grace = shutdown.grace_period;
  const Millis reserve = std::min(kReserve, grace / 5);
  const Millis app_stop = std::min<Millis>(shutdown.app_stop, grace / 4);
  const Millis serving = grace - reserve - app_stop;  // for quiet and drain; at least half of the grace
  ShutdownPlan plan;
  plan.end = now + grace;
  plan.stopped_by = plan.end - reserve;
  plan.drained_by = plan.stopped_by - app_stop;
  plan.endpoints_grace = wait_for_quiet ? std::min<Millis>(shutdown.endpoints_grace, serving / 2) : Millis{0};
  plan.quiet_by = wait_for_quiet ? now + serving / 2 : now;
  return plan;
}

}  // namespace sidestep::sidecar
