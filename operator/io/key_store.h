// The operator's Ed25519 keys: made once, kept in a Secret of the operator's own namespace, and known to
// sidecars only by their public halves, in a ConfigMap of each namespace that has a policy.
//
// The Secret's entry ed25519.pem signs; every other entry that ends in .pem is published too and signs
// nothing, so that a key is rotated by adding its successor, waiting, and then exchanging the two. Threads:
// any.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "lib/k8s/client.h"
#include "lib/policy/signature.h"

namespace sidestep::op {

inline constexpr const char* kTrustConfigMap = "sidestep-trust";
inline constexpr const char* kSigningEntry = "ed25519.pem";
inline constexpr const char* kHashEntry = "hash.key";

struct Keys {
  std::string
      hash;  // of the hashes in objects (core/triggers.h): entry hash.key, made once and never rotated
  std::shared_ptr<const policy::PrivateKey> signing;
  std::map<std::string, std::string> published;  // "KEYID.pem" → public key in PEM
};

// Reads the Secret's data (base64 values). Error: no ed25519.pem, or an entry that is not an Ed25519 key.
Result<Keys> keys_from_secret(const k8s::Json& secret);

class KeyStore {
 public:
  KeyStore(k8s::Client& client, std::string name_space, std::string secret)
      : client_(client), ref_{{"v1", "secrets"}, std::move(name_space), std::move(secret)} {}

  // Reads the Secret, and makes it if there is none (of several that try, one wins). Call again to see a
  // rotation.
  Status refresh();
  // Empty until refresh() succeeded once.
  Keys keys() const;

 private:
  Result<k8s::Json> read_or_create();
  // An installation of an earlier version has no hash key.
  Result<k8s::Json> with_hash_key(k8s::Json secret);

  k8s::Client& client_;
  const k8s::ObjectRef ref_;
  mutable std::mutex mutex_;
  Keys keys_;  // guarded by mutex_
};

// Keeps the ConfigMap of a namespace as it must be, without asking the API again each time.
class TrustPublisher {
 public:
  TrustPublisher(k8s::Client& client, const KeyStore& keys, Seconds again = Seconds{600})
      : client_(client), keys_(keys), again_(again) {}

  // Applies the ConfigMap if it was not yet, if the keys changed, or once in a while.
  Status ensure(const std::string& name_space, TimePoint now);
  // A pod that was started before its namespace had the ConfigMap refuses us until its kubelet looks again,
  // which may take a minute and a half: touches the pod's annotation sidestep.dev/refresh, after 1 s again,
  // then 2 s, and so on up to a minute. Applies the ConfigMap again first: it, or its whole namespace, may
  // have been deleted.
  Status nudge(const std::string& name_space, const std::string& pod_name, const std::string& pod_uid,
               TimePoint now);
  // Namespaces that are remembered: none for longer than until it is applied again.
  std::size_t size() const;

 private:
  struct Done {
    std::map<std::string, std::string> published;
    TimePoint at;
  };
  struct Nudged {
    TimePoint at;
    int times = 0;
  };
  bool may_nudge(const std::string& pod_uid, TimePoint now);

  k8s::Client& client_;
  const KeyStore& keys_;
  const Seconds again_;
  mutable std::mutex mutex_;
  // Guarded by mutex_.
  std::map<std::string, Done> done_;      // by namespace; not older than again_
  std::map<std::string, Nudged> nudged_;  // by pod UID; those of the last minutes
};

}  // namespace sidestep::op
