// Keeps the terms under which shards speak TLS up to date: reads certificates and the clients' authorities,
// looks for changed files once a second, renews the keys of tickets. New terms are published whole.
//
// A pair or authority that is worse than the one in use never takes its place (certificate_pair.h).
//
// Speaks no TLS itself. Reads files, on the control thread only.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "lib/base/clock.h"
#include "lib/front/tls.h"
#include "lib/loop/event_loop.h"
#include "sidecar/config/options.h"
#include "sidecar/core/snapshot.h"
#include "sidecar/io/certificate_pair.h"

namespace sidestep::sidecar {

// The keys of tickets, which another worker may go on with: clients resume their sessions there.
struct TicketKeys {
  std::vector<front::TicketKey> keys;  // newest first
  TimePoint renew_at{};
};

class TlsKeeper {
 public:
  using Publish = std::function<void(front::TlsServerPtr, std::vector<CertificateView>)>;

  // `options` must outlive it.
  TlsKeeper(EventLoop& loop, const Clock& clock, const TlsOptions& options, Seconds session_lifetime,
            Publish publish);

  // Reads everything, publishes, and goes on looking. The error names the file. `tickets`: of the worker that
  // this one replaces, or none.
  Status start(TicketKeys tickets = {});
  const TicketKeys& tickets() const { return tickets_; }

 private:
  Status read_client_ca();
  bool refresh_client_ca();
  void look();
  void renew_keys();
  Status publish();

  EventLoop& loop_;
  const Clock& clock_;
  const TlsOptions& options_;
  const Seconds session_lifetime_;
  const Publish publish_;
  std::vector<CertificatePair> pairs_;
  std::string client_ca_;  // the text
  std::string client_ca_stamp_;
  TicketKeys tickets_;
  FunctionTimer look_timer_;
  FunctionTimer key_timer_;
};

}  // namespace sidestep::sidecar
