// The budget's last word: how many reloads run at the same time, counted at the moment when one is to start.
// Decisions of several workers may come from caches that do not know of one another yet; here they queue up.
//
// Remembers who was let in until the cache shows that Reload as started, or for `memory` at most. Threads:
// any.
#pragma once

#include <functional>
#include <map>
#include <mutex>
#include <string>

#include "lib/base/clock.h"
#include "operator/core/observed.h"

namespace sidestep::op {

class Slots {
 public:
  // The Reloads that have started, as the cache has them: "namespace/name" → it still runs.
  using Started = std::function<std::map<std::string, bool>()>;
  Slots(Budget budget, Started started, Millis memory = Millis{30'000})
      : budget_(budget), started_(std::move(started)), memory_(memory) {}

  // `reload` is "namespace/name". True again for one that was let in.
  bool try_take(const std::string& reload, TimePoint now);
  // Of one that was let in and will not start. REQUIRES: its start was not written.
  void give_back(const std::string& reload);

 private:
  const Budget budget_;
  const Started started_;
  const Millis memory_;
  std::mutex mutex_;
  std::map<std::string, TimePoint> taken_;  // by Reload, when; guarded by mutex_
};

}  // namespace sidestep::op
