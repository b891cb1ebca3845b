// How many pods may be unavailable at the same time for a reload's sake, where its strategy makes them so: no
// more than their PodDisruptionBudgets leave. Pure.
//
// A pod whose candidate starts counts as unavailable from the command on, whether its readiness shows that
// yet or not; where it does, the budget has counted it too, which errs towards fewer at a time.
#pragma once

#include <string>
#include <vector>

#include "operator/core/fleet.h"

namespace sidestep::op {

class Disruptions {
 public:
  // Strategies that keep every pod available are not bounded. REQUIRES: observed.policy.
  Disruptions(const Observed& observed, const Fleet& fleet);

  // Takes a place for the pod in each budget that covers it. False: none is left, and refusal() says of
  // which.
  bool try_take(const ObservedPod& pod);
  const std::string& refusal() const { return refusal_; }

 private:
  struct Budget {
    const DisruptionBudget* seen;
    int left;
  };
  std::vector<Budget> budgets_;
  std::string refusal_;
};

}  // namespace sidestep::op
