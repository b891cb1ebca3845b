// Arithmetic of a rollout: how many pods a step covers, how many may change at once, when a step's pause is
// over. Pure.
#pragma once

#include <optional>

#include "lib/base/clock.h"
#include "lib/policy/spec.h"

namespace sidestep::policy {

// `amount` of `total` pods: percentages rounded up, at least 1, at most `total`; 0 of 0.
int pods_of(PodAmount amount, int total);

// Pods that step `index` (from 0) covers, cumulative: at least as many as the step before it covers.
// REQUIRES: 0 <= index < rollout.steps.size().
int pods_of_step(const Rollout& rollout, std::size_t index, int total);

// When the step that reached its weight at `reached` may be followed by the next one.
template <typename Time>
Time step_due(const RolloutStep& step, Time reached) {
  return reached + step.pause;
}

// The first step whose weight is at least `weight`; the last one when none is. Tells where a run stands from
// the weights that sidecars report. REQUIRES: steps is not empty.
std::size_t step_of_weight(const Rollout& rollout, int weight);

}  // namespace sidestep::policy
