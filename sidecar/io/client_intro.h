// The first part of a client connection that is more than HTTP: the PROXY header of a trusted source, then
// the TLS handshake. Then the wire goes to Shard::serve().
//
//   accepted ──▶ PROXY header ──▶ handshake ──▶ served      (each only where the listener has it)
//        └──── too late, refused, gone, or given up for a newer one ─────▶ closed
//
// Takes nothing of what follows a PROXY header off the socket. Bounded in time and, by its shard, in number.
// Owned by its shard. Threads: its shard's.
#pragma once

#include <cstdint>
#include <string>

#include "lib/loop/event_loop.h"
#include "lib/loop/timers.h"
#include "sidecar/core/counters.h"
#include "sidecar/io/client_conn.h"
#include "sidecar/io/intrusive_list.h"
#include "sidecar/io/wire.h"

namespace sidestep::sidecar {

class Shard;

class ClientIntro final : public Deletable, public IoHandler, public ListHook<ClientIntro>, private Timer {
 public:
  struct Parts {
    bool proxy_header = false;
    bool tls = false;
  };
  // REQUIRES: one of `parts`.
  ClientIntro(Shard& shard, Wire wire, const PeerAddress& peer, std::uint16_t listener, Parts parts);
  ~ClientIntro() override;

  void on_io(std::uint32_t events) override;
  // The connection is closed; counted as `result` where TLS is spoken.
  void end(HandshakeResult result);

 private:
  void on_timer() override;
  void read_header();
  void shake();
  void serve();
  void want(std::uint32_t events);

  Shard& shard_;
  Wire wire_;
  std::string header_;  // what has been read of it
  std::uint32_t wanted_;
  PeerAddress peer_;
  std::uint16_t listener_;
  Parts to_come_;
  const bool has_tls_;
};

}  // namespace sidestep::sidecar
