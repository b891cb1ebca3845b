// The webhook's certificate: an authority of the operator's own and what it signs, kept in a Secret that all
// replicas serve from; the leader makes and renews both, and writes the authority into the webhook
// configuration (caBundle).
//
// An authority is followed by its successor a year before its end, and both stay in the bundle; a certificate
// is renewed a month before its own, so that each is always signed by one that API servers know already.
// Threads: refresh() on one, terms() on any.
#pragma once

#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "lib/front/tls.h"
#include "lib/k8s/client.h"

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
  };
  WebhookCertificate(k8s::Client& client, Names names);

  // Reads the Secret, or makes it if there is none; a leader also renews and publishes. What was served stays
  // when this fails.
  Status refresh(bool is_leader, WallTime now);
  // Null until there is a certificate.
  front::TlsServerPtr terms() const;

 private:
  Result<CertificateEntries> renew(const k8s::Json* stored, CertificateEntries entries, WallTime now);
  Status serve(const CertificateEntries& entries);
  Status publish(const std::string& bundle);

  k8s::Client& client_;
  const Names names_;
  std::string served_;  // the certificate of terms_
  mutable std::mutex mutex_;
  front::TlsServerPtr terms_;  // guarded by mutex_
};

}  // namespace sidestep::op
