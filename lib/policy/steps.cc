#include "lib/policy/steps.h"

#include <algorithm>

namespace sidestep::policy {

int pods_of(PodAmount amount, int total) {
  if (total <= 0) return 0;
  const std::int64_t wanted =
      amount.percent ? (std::int64_t{amount.value} * total + 99) / 100 : std::int64_t{amount.value};
  return static_cast<int>(std::clamp<std::int64_t>(wanted, 1, total));
}

int pods_of_step(const Rollout& rollout, std::size_t index, int total) {
  int most = 0;
  for (std::size_t i = 0; i <= index; ++i) most = std::max(most, pods_of(rollout.steps[i].pods, total));
  return most;
}

std::size_t step_of_weight(const Rollout& rollout, int weight) {
  for (std::size_t i = 0; i < rollout.steps.size(); ++i) {
    if (rollout.steps[i].weight_per_ten_thousand >= weight) return i;
  }
  return rollout.steps.size() - 1;
}

}  // namespace sidestep::policy
