#include "lib/base/backoff.h"

#include <algorithm>
#include <cmath>
#include <functional>

namespace sidestep {

Millis backoff_delay(const BackoffLimits& limits, int attempt, double random) {
  const double longest = static_cast<double>(limits.longest.count());
  const double full =
      static_cast<double>(limits.first.count()) * std::pow(limits.factor, std::max(0, attempt));
  const double capped = std::min(full, longest);
  return Millis(static_cast<Millis::rep>(capped * (0.5 + 0.5 * random)));
}

double spread_of(std::string_view name) {
  constexpr std::size_t kParts = 1'024;
  return static_cast<double>(std::hash<std::string_view>{}(name) % kParts) / kParts;
}

}  // namespace sidestep
