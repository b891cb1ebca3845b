// The Reloads of one policy, sorted out: which runs, which is next, which are superseded, which are too old
// to keep. One of all pods supersedes every older one that waits, one of a single pod those of that pod. Pure.
#pragma once

#include <vector>

#include "operator/core/observed.h"

namespace sidestep::op {

struct Queue {
  const api::Reload* running = nullptr;        // started and not ended; of several the one that started first
  const api::Reload* next = nullptr;           // of those that wait
  std::vector<const api::Reload*> later;       // wait for that one: it is of another pod, or of all
  std::vector<const api::Reload*> superseded;  // waited; a newer one covers their pods
  std::vector<const api::Reload*> ended;       // newest end first
  const api::Reload* last() const { return ended.empty() ? nullptr : ended.front(); }
  // The same of those that had started: others may have been superseded since.
  const api::Reload* last_started() const;
};

// Points into `observed`.
Queue queue_of(const Observed& observed);

}  // namespace sidestep::op
