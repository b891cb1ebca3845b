// Speaks to the control port of one sidecar: signs each call (docs/contracts.md, "Signed commands"), and
// believes only answers that carry the pod's UID, the boot id that was addressed, and the call's nonce, so
// that a pod that inherited the address cannot forge a verdict.
//
// Remembers the boot id of each pod, so that a call is usually one round trip; forgets nothing by itself (see
// keep_only). Threads: any.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>

#include "lib/base/clock.h"
#include "lib/base/result.h"
#include "lib/k8s/transport.h"
#include "lib/policy/signature.h"
#include "operator/io/sidecar_wire.h"

namespace sidestep::op {

struct SidecarAddress {
  std::string pod_uid;
  std::string ip;
  std::uint16_t port = 0;
};

// In whose name commands are given. Read anew for each call.
struct Authority {
  std::shared_ptr<const policy::PrivateKey> key;
  std::uint64_t epoch = 0;
  std::string lease_uid;
};

struct SidecarReply {
  int status = 0;
  std::string body;
};

class SidecarClient {
 public:
  SidecarClient(k8s::Transport& transport, const Clock& clock, std::function<Authority()> authority,
                Millis timeout = Millis{5000});

  // One signed call. A reply of any status is a reply. A boot id that is out of date is renewed and the call
  // repeated once. Errors: kUnavailable: no answer; kProtocol: an answer that does not prove whose it is.
  // `at_most`: a time limit shorter than the usual one; 0: the usual one.
  Result<SidecarReply> call(const SidecarAddress& pod, const std::string& method, const std::string& path,
                            const std::string& body, Millis at_most = Millis{0});

  // Forgets the boot ids of all other pods.
  void keep_only(const std::set<std::string>& pod_uids);

 private:
  Result<std::string> boot_id(const SidecarAddress& pod, bool renew, Millis timeout);
  Result<SidecarReply> call_once(const SidecarAddress& pod, const std::string& boot,
                                 const std::string& method, const std::string& path, const std::string& body,
                                 Millis timeout);

  k8s::Transport& transport_;
  const Clock& clock_;
  const std::function<Authority()> authority_;
  const Millis timeout_;
  std::mutex mutex_;
  std::map<std::string, std::string> boots_;  // by pod UID; guarded by mutex_
};

}  // namespace sidestep::op
