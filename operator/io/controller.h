// The loop: name from the queue → gather → reconcile → apply → when to look again. Nothing is decided here.
//
// Threads: work() is run by several; the queue sees to it that one name is with one worker.
#pragma once

#include <stop_token>
#include <string>

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
  Millis refused{60'000};         // before a plan that the API refused is tried again
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
  void make_known(const Observed& observed);
  std::string look(const std::string& key);
  std::string settle(const std::string& key, const ApplyResult& result, const std::optional<Millis>& requeue);

  const Parts parts_;
  const ControllerLimits limits_;
};

}  // namespace sidestep::op
