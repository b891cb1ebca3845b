// The copies of pinned sources in the API: reads what is there, and makes what a decision asks for. Values pass
// through and are not kept; annotations and digests are.
//
// A copy is an object of its own, owned by the policy, so that it goes with it. It carries nothing of its
// source but the data: labels and annotations of deployment tools would have them delete it. Only this unit
// writes copies, so what was read is believed for a while. Threads: any; one plan of a policy at a time.
#pragma once

#include <functional>
#include <map>
#include <mutex>
#include <string>

#include "lib/k8s/client.h"
#include "operator/core/observed.h"
#include "operator/core/plan.h"

namespace sidestep::op {

inline constexpr const char* kCopyOfAnnotation = "sidestep.dev/copy-of";         // "ConfigMap/shop-config"
inline constexpr const char* kCopyMakerAnnotation = "sidestep.dev/copied-for";   // ObservedCopy::maker
inline constexpr const char* kCopyHashAnnotation = "sidestep.dev/content-hash";  // ObservedCopy::hash

class PinKeeper {
 public:
  PinKeeper(k8s::Client& client, const Clock& clock, std::function<std::string()> hash_key,
            Millis again = Millis{300'000})
      : client_(client), clock_(clock), hash_key_(std::move(hash_key)), again_(again) {}

  // REQUIRES: observed.policy. Asks the API server about what is not known, or was read long ago.
  ObservedPins look(const Observed& observed);
  // kConflict: the sources hold something else than was asked for, or they are not known yet: decide anew.
  Status copy_sources(const Observed& observed, const CopySources& action);
  Status clone(const Observed& observed, const CloneCopy& action);
  void forget(const std::string& policy_key);

 private:
  struct Kept {
    std::string sources;  // of which policy and sources, as text
    ObservedPins pins;
    TimePoint read_at{};
  };
  Result<k8s::Json> read(const k8s::ObjectRef& ref);
  Status write(const Observed& observed, std::size_t source, policy::Copy copy, const ObservedCopy& about,
               const k8s::Json& content);
  void note(const Observed& observed, std::size_t source, policy::Copy copy, ObservedCopy about);

  k8s::Client& client_;
  const Clock& clock_;
  const std::function<std::string()> hash_key_;
  const Millis again_;
  std::mutex mutex_;
  std::map<std::string, Kept> kept_;  // by policy; guarded by mutex_
};

}  // namespace sidestep::op
