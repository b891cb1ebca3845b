// Asks the API server at the start whether the operator has every right it needs (SelfSubjectAccessReview,
// authorization.k8s.io/v1), says each missing rule in one log line, and asks again until it is granted.
//
// Threads: run() is one; missing() any.
#pragma once

#include <mutex>
#include <stop_token>
#include <string>
#include <vector>

#include "lib/k8s/client.h"
#include "operator/core/rights.h"

namespace sidestep::op {

class RightsCheck {
 public:
  RightsCheck(k8s::Client& client, const OwnNames& own);

  // Until `stop` is requested.
  void run(std::stop_token stop);
  // Asks once more what was missing, or everything at the first time. Error: the server did not answer.
  Status refresh();
  // One line per rule that is missing; empty when nothing is, or nothing is known yet.
  std::string missing() const;

 private:
  struct Asked {
    RightsRule rule;
    std::vector<RightsQuestion> missing;  // or not yet asked
    bool is_known = false;
  };
  Result<bool> may(const RightsQuestion& question);
  Status ask(Asked& asked);

  k8s::Client& client_;
  std::vector<Asked> rules_;  // owned by the thread of refresh()
  mutable std::mutex mutex_;
  std::string missing_;  // guarded by mutex_
};

}  // namespace sidestep::op
