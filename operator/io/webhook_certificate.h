// The webhook's certificate: an authority of the operator's own and what it signs, kept in a Secret that all
// replicas serve from; the leader makes and renews both, and writes the authority into the webhook
// configuration (caBundle).
//
// An authority is followed by its successor a year before its end, and both stay in the bundle; a certificate
// is renewed a month before its own, so that each is always signed by one that API servers know already.
// Where they do not, because the Secret was lost, what was served stays until they do (webhook_bundle.h).
// Threads: refresh() on one, terms() on any.
#pragma once

#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "lib/front/tls.h"
#include "lib/k8s/client.h"
#include "operator/io/webhook_bundle.h"

namespace sidestep::op {

// Entries of the Secret, decoded: tls.crt, tls.key, ca.crt (the bundle, newest first), ca.key.
using CertificateEntries = std::map<std::string, std::string>;

// What the Secret must hold from `now` on for servers of these names; nothing when it is well. Pure but for
// the keys that it makes.
std::optional<CertificateEntries> renewed(const CertificateEntries& entries,
                                          const std::vector<std::string>& names, WallTime now);

class WebhookCertificate {
 public:
  struct Names {
    std::string name_space;  // of the Secret
    std::string secret;
    std::string configuration;       // MutatingWebhookConfiguration
    std::vector<std::string> hosts;  // by which API servers call
    Millis overlap{300'000};         // how long API servers trust an authority that the Secret no longer has
  };
  WebhookCertificate(k8s::Client& client, Names names);

  // Reads the Secret, or makes it if there is none; a leader also renews and publishes. What was served stays
  // when this fails, and until API servers know the authority of what follows; a replica that serves nothing
  // yet does not wait, since its leader may be of a version that publishes nothing.
  Status refresh(bool is_leader, WallTime now);
  // Null until there is a certificate.
  front::TlsServerPtr terms() const;

 private:
  Result<CertificateEntries> renew(const k8s::Json* stored, CertificateEntries entries, WallTime now);
  Status serve(const CertificateEntries& entries);
  // Looks at what API servers trust, and as the leader writes it.
  Status publish(const std::string& bundle, bool is_leader, WallTime now);

  k8s::Client& client_;
  const Names names_;
  WebhookBundle bundle_;
  std::string served_;  // the certificate of terms_
  mutable std::mutex mutex_;
  front::TlsServerPtr terms_;  // guarded by mutex_
};

}  // namespace sidestep::op
