// The Reloads of one policy, sorted out: which runs, which is next, which are superseded, which are too old
// to keep. Pure.
#pragma once

#include <vector>

#include "operator/core/observed.h"

namespace sidestep::op {

struct Queue {
  const api::Reload* running = nullptr;        // started and not ended; of several the one that started first
  const api::Reload* next = nullptr;           // the newest that waits
  std::vector<const api::Reload*> superseded;  // the others that wait
  std::vector<const api::Reload*> ended;       // newest end first
  const api::Reload* last() const { return ended.empty() ? nullptr : ended.front(); }
  // The same of those that had started: others may have been superseded since.
  const api::Reload* last_started() const;
};

// Points into `observed`.
Queue queue_of(const Observed& observed);

}  // namespace sidestep::op
