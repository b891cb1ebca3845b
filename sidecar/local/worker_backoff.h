// When to start the next worker after a crash: at once the first time, then later and later, and at last
// never. Pure.
#pragma once

#include <optional>

#include "lib/base/backoff.h"

namespace sidestep::sidecar {

class WorkerBackoff {
 public:
  static constexpr Millis kGoodRun{10'000};  // a worker that served that long starts the count anew

  WorkerBackoff(BackoffLimits limits, int give_up_after) : limits_(limits), give_up_after_(give_up_after) {}

  // The delay before the next worker; nothing: no more. `served` says that it had become ready.
  std::optional<Millis> after_crash(Millis ran_for, bool served);

 private:
  BackoffLimits limits_;
  int give_up_after_;
  int crashes_ = 0;  // in a row
};

}  // namespace sidestep::sidecar
