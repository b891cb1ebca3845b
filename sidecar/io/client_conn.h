// What a shard knows of a client's connection, whatever it speaks.
#pragma once

#include <netinet/in.h>

#include <cstdint>

#include "lib/loop/event_loop.h"
#include "sidecar/io/intrusive_list.h"

namespace sidestep::sidecar {

// Where a client or a listener is, in 18 bytes.
struct PeerAddress {
  in6_addr ip{};  // IPv4 as ::ffff:a.b.c.d; "::" for whoever comes by a Unix socket
  std::uint16_t port = 0;
};

class ClientConn : public Deletable, public ListHook<ClientConn> {
 public:
  // The pod ends: new requests are to go elsewhere soon, and are served until they do.
  virtual void announce_end() {}
  // The process ends: an idle client is let go, a busy one after its last answer.
  virtual void shut_when_idle() = 0;
  // No request is under way and no byte of one waits. True as well when the protocol can announce the end at
  // any time.
  virtual bool is_silent() const { return true; }
  virtual void drop() = 0;  // at once
  // Descriptors are short: closes it when it has had no request since then. False: it goes on.
  virtual bool drop_if_idle(TimePoint since) = 0;
  // As it was given to Shard::serve().
  virtual const PeerAddress& peer() const = 0;
};

}  // namespace sidestep::sidecar
