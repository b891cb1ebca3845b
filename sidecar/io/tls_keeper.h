// Keeps the terms under which shards speak TLS up to date: reads certificates and the clients' authorities,
// looks for changed files once a second, renews the keys of tickets. New terms are published whole.
//
// A pair that cannot be read, does not fit together, has expired or is not valid yet never takes the place of
// one that works; it is logged and counted, and looked at again when it changes. At the start an expired pair
// is used nevertheless: there is nothing better, and the log says so.
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
  struct Pair {
    std::string path;
    std::string stamp;  // of what was looked at last
    std::string wrong;  // why that is not used; empty: it is
    TimePoint look_again{};
    front::TlsCertificatePtr used;
    std::uint64_t refused = 0;
  };
  struct Files {
    std::string chain, key;  // paths
  };

  static Files files_of(const Pair& pair);
  Result<front::TlsCertificatePtr> read(const Pair& pair) const;
  Status read_client_ca();
  bool refresh(Pair& pair);
  bool refresh_client_ca();
  void look();
  void renew_keys();
  Status publish();

  EventLoop& loop_;
  const Clock& clock_;
  const TlsOptions& options_;
  const Seconds session_lifetime_;
  const Publish publish_;
  std::vector<Pair> pairs_;
  std::string client_ca_;  // the text
  std::string client_ca_stamp_;
  TicketKeys tickets_;
  FunctionTimer look_timer_;
  FunctionTimer key_timer_;
};

}  // namespace sidestep::sidecar
