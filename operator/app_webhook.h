// The door of the mutating webhook: TLS, strict reading and limits by lib/front, answers by io/admission. All
// replicas serve; the leader looks after the certificate.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>

#include "lib/front/door.h"
#include "operator/io/admission.h"
#include "operator/io/webhook_certificate.h"
#include "operator/io/world.h"

namespace sidestep::op {

struct WebhookOptions {
  std::string listen;                        // ":9443"; empty: no webhook
  std::string service = "sidestep-webhook";  // by which API servers call, in the operator's namespace
  std::string host;                          // called by this name or address as well
  std::string secret = "sidestep-webhook-tls";
  std::string configuration = "sidestep-operator";  // MutatingWebhookConfiguration
  std::string sidecar_image = "sidestep.dev/sidecar:" SIDESTEP_VERSION;
  Millis check{30'000};  // how often the certificate is looked at
  // An API server opens a connection for each pod that is being made: by default it works on 200 changes at a
  // time (--max-mutating-requests-inflight).
  std::size_t max_connections = 256;  // together; each may hold 512 KiB
  std::size_t max_per_source = 200;   // of one address
};

// Threads: construct, listen, run and destroy on any one; why_not_ready on any.
class Webhook {
 public:
  Webhook(const WebhookOptions& options, const std::string& name_space, k8s::Client& client,
          const World& world, const Clock& clock, std::function<bool()> is_leader);

  bool is_wanted() const { return !options_.listen.empty(); }
  Status listen();  // and serves from then on, once there is a certificate
  std::uint16_t port() const { return door_.tcp_port(); }
  // Looks after the certificate until `stop`.
  void run(const std::stop_token& stop);
  std::string why_not_ready() const;  // "" when well, or not wanted
  // Any thread.
  std::map<std::string, std::uint64_t> refusals() const { return door_.refusals(); }
  std::map<int, std::uint64_t> requests() const;  // by status code

 private:
  front::Settings settings();
  front::Reply answer(const front::Request& request);
  std::optional<FoundPolicy> policy_of(const PodOrigin& origin) const;

  const WebhookOptions options_;
  const World& world_;
  const Clock& clock_;
  const std::function<bool()> is_leader_;
  WebhookCertificate certificate_;
  mutable std::mutex mutex_;
  std::map<int, std::uint64_t> requests_;  // guarded by mutex_
  front::Door door_;                       // last: its thread uses the others
};

}  // namespace sidestep::op
