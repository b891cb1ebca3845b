// Watches of the ConfigMaps and Secrets that policies name: each by its name alone (field selector), so that
// the right to list all Secrets is not needed. Keeps digests of their keys and never their values.
//
// Which objects are watched follows the policies: keep() says so at each look. A change wakes the policies
// that name the object. Bounded: kMostWatches objects in all, one stream each. Threads: any.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "lib/k8s/watch_group.h"
#include "lib/policy/content.h"
#include "operator/core/observed.h"

namespace sidestep::op {

inline constexpr std::size_t kMostWatches = 1'000;

// Digests of `data` and `binaryData` of a ConfigMap, or of `data` of a Secret. A value that is no base64
// counts as its text.
policy::Digests digests_of(policy::SourceKind kind, const k8s::Json& object);

class SourceWatches {
 public:
  // Called with the key of a policy when one of its sources changed.
  using Wake = std::function<void(const std::string& policy_key)>;
  SourceWatches(k8s::WatchGroup& group, Wake wake);
  ~SourceWatches();

  // From now on the policy names these sources and no others. Empty: it is gone.
  void keep(const std::string& policy_key, const std::string& name_space,
            const std::vector<policy::Source>& sources);

  // What is known now: contents of the keys that count, or what stands in the way. `hash` and `changes` are
  // left empty.
  ObservedSources look(const std::string& name_space, const std::vector<policy::Source>& sources) const;

  std::size_t size() const;

 private:
  class Watch;
  using Key = std::string;  // "namespace/ConfigMap/name"
  void wake_users(const Key& key) const;
  std::shared_ptr<Watch> release(const Key& key, const std::string& policy_key);

  k8s::WatchGroup& group_;
  const Wake wake_;
  mutable std::mutex mutex_;
  // Guarded by mutex_.
  std::map<Key, std::shared_ptr<Watch>> watches_;
  std::map<std::string, std::set<Key>> wanted_;  // by policy
  std::map<Key, std::set<std::string>> users_;   // the same the other way round
};

}  // namespace sidestep::op
