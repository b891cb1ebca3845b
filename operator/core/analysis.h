// The verdict over the fleet: candidates against active on the same pods, by the sidecars' own counters and
// the test of lib/policy/verdict.h. A few errors on each of many pods are chance for each of them and no
// chance together. Pure; a sidecar still judges its own candidate by itself.
#pragma once

#include <string_view>

#include "lib/policy/verdict.h"
#include "operator/core/fleet.h"

namespace sidestep::op {

// Over the pods whose candidate is judged now.
policy::Judgement judge_fleet(const Fleet& fleet, const policy::Analysis& analysis);

std::string_view to_string(policy::Verdict verdict);  // "Good", "Worse", "TooLittle"

}  // namespace sidestep::op
