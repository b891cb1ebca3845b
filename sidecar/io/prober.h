// Asks generations whether they are ready: HTTP GET or a TCP connect, never held, never through the data
// plane. With TLS to the app the handshake is part of either, under the terms of the traffic; where
// connections begin with a PROXY header, it says that the proxy speaks for itself.
//
// Performs probes and times them; what results mean is decided by core/health. Every probe has its deadline
// and a bound on what it reads (8 KiB of the answer's head). Control thread; the callback comes in the loop's
// turns, and may call watch() and unwatch().
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "lib/front/tls_session.h"
#include "lib/loop/event_loop.h"
#include "lib/policy/spec.h"
#include "sidecar/config/options.h"
#include "sidecar/core/health.h"
#include "sidecar/core/types.h"
#include "sidecar/io/app_tls_keeper.h"

namespace sidestep::sidecar {

class Probe;

class Prober {
 public:
  // `why` says what the last bad probe met; empty for kBecameReady.
  using Callback = std::function<void(Generation, HealthChange, const std::string& why)>;

  Prober(EventLoop& loop, Callback callback, AppProxyProtocol introduction = AppProxyProtocol::kOff);
  ~Prober();
  Prober(const Prober&) = delete;
  Prober& operator=(const Prober&) = delete;

  // TLS, for probes from now on.
  void secure(const AppTlsTerms& terms) { speech_.terms = terms; }
  // The first probe starts at once. Does nothing when the generation is watched already.
  void watch(Generation generation, const AppAddress& address, const policy::Readiness& readiness);
  void unwatch(Generation generation);  // idempotent
  void keep_only(const std::vector<Generation>& generations);
  bool is_watched(Generation generation) const { return probes_.contains(generation); }
  // What the last probe met, for people; empty when it was good or there is none.
  std::string last_failure(Generation generation) const;
  bool was_refused(Generation generation) const;
  bool failed_tls(Generation generation) const;
  void look_now(Generation generation);

  struct Speech {  // of all probes
    AppTlsTerms terms;
    front::TlsBuffers buffers;
    std::string introduction;
  };

 private:
  EventLoop& loop_;
  Callback callback_;
  Speech speech_;  // outlives the probes' connections
  std::map<Generation, std::unique_ptr<Probe>> probes_;
};

}  // namespace sidestep::sidecar
