// What is left in the API of the copies of sources that are pinned no longer: reads it by name, and removes
// what a decision says. Only objects that the policy owns and that say of what they are a copy count as ours.
//
// What was read is believed for a while. A right that is missing is kept as what stands in the way, and asked
// for again later. Threads: any; one plan of a policy at a time.
#pragma once

#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "lib/k8s/client.h"
#include "operator/core/observed.h"
#include "operator/core/plan.h"

namespace sidestep::op {

class LeftCopies {
 public:
  LeftCopies(k8s::Client& client, const Clock& clock, Millis again = Millis{300'000},
             Millis after_problem = Millis{30'000})
      : client_(client), clock_(clock), again_(again), after_problem_(after_problem) {}

  // One for each of api::unpinned_sources; `mounted_by` stays empty. REQUIRES: observed.policy.
  std::vector<LeftPin> look(const Observed& observed);
  // kConflict: it is another object by now; decide anew.
  Status remove(const Observed& observed, const RemoveCopy& removal);
  void forget(const std::string& policy_key);

 private:
  struct Kept {
    std::string sources;  // of which policy and sources, as text
    std::vector<LeftPin> left;
    TimePoint read_at{};
  };
  LeftPin read(const Observed& observed, const policy::Source& source);
  // In what is kept, the pin that has this copy; absent: nothing is known of it. REQUIRES: mutex_ is held.
  LeftPin* pin_of(const std::string& policy_key, const RemoveCopy& removal);

  k8s::Client& client_;
  const Clock& clock_;
  const Millis again_, after_problem_;
  std::mutex mutex_;
  std::map<std::string, Kept> kept_;  // by policy; guarded by mutex_
};

}  // namespace sidestep::op
