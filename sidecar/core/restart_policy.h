// Active died by itself: when is it started again, and when is it given up?
//
// The first restart comes at once (requests are held meanwhile), the next ones after a growing delay; five
// deaths in ten minutes are a crash loop, which is left to whoever supervises the container. Decides only;
// starts nothing, waits for nothing.
#pragma once

#include <deque>
#include <optional>

#include "lib/base/backoff.h"
#include "lib/base/clock.h"

namespace sidestep::sidecar {

struct RestartLimits {
  int most = 5;  // restarts within `window`
  Seconds window{600};
  BackoffLimits backoff{Millis{100}, Millis{30'000}, 2.0};
};

class RestartPolicy {
 public:
  explicit RestartPolicy(RestartLimits limits = {}) : limits_(limits) {}

  // Counts a death. Returns the delay before the next start, none when it is given up. `random` is in [0, 1).
  std::optional<Millis> died(TimePoint now, double random);
  // Another recipe was promoted: its deaths are counted from the beginning.
  void forget() { deaths_.clear(); }

  // For the worker that replaces this one.
  template <typename A>
  void archive(A& a) {
    a(deaths_);
  }

 private:
  RestartLimits limits_;
  std::deque<TimePoint> deaths_;  // within the window, oldest first; at most `most`
};

}  // namespace sidestep::sidecar
