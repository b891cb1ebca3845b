// The loop: name from the queue → gather → reconcile → apply → when to look again. Nothing is decided here.
// Remembers which policies' plans the API server refused for good, so that the status says why nothing moves,
// and clears it once a plan passes.
//
// Threads: work() is run by several; the queue sees to it that one name is with one worker.
#pragma once

#include <map>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>

#include "lib/base/backoff.h"
#include "lib/k8s/work_queue.h"
#include "operator/io/apply.h"
#include "operator/io/gather.h"
#include "operator/io/key_store.h"
#include "operator/io/metrics.h"

namespace sidestep::op {

struct ControllerLimits {
  Millis behind_cache{25};        // look again when the caches are behind our writes
  Millis at_least{50};            // between two looks that something changing made necessary
  Millis failing_at_most{5'000};  // between two looks at a policy whose plan keeps failing
  // Before a plan that the API refused for good is tried again: doubled each time.
  BackoffLimits refused{.first = Millis{2'000}, .longest = Millis{60'000}, .factor = 2.0};
};

class Controller {
 public:
  struct Parts {
    k8s::WorkQueue& queue;
    Gatherer& gatherer;
    Applier& applier;
    TrustPublisher& trust;
    Metrics& metrics;
    const Clock& clock;
  };
  explicit Controller(Parts parts, ControllerLimits limits = {}) : parts_(parts), limits_(limits) {}

  // Until `stop` is requested.
  void work(std::stop_token stop);

 private:
  struct Refused {
    WriteRefusal what;
    int times = 0;
  };

  std::optional<WriteRefusal> make_known(const Observed& observed);
  std::string look(const std::string& key);
  std::string settle(const std::string& key, const ApplyResult& result, const std::optional<Millis>& requeue);
  std::optional<WriteRefusal> refusal_of(const std::string& key) const;
  void note_refusal(const std::string& key, Observed observed, WriteRefusal refusal);
  void forget_refusal(const std::string& key);
  Millis refused_delay(const std::string& key) const;

  const Parts parts_;
  const ControllerLimits limits_;
  mutable std::mutex mutex_;
  std::map<std::string, Refused> refused_;  // by policy; guarded by mutex_
};

}  // namespace sidestep::op
