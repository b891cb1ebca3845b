// The immutable picture that control publishes to the shards: which generations take new request streams, in
// which share, and what happens to the rest. A shard that has seen version V never uses an older one again,
// and says so.
//
// Published as shared_ptr<const RouteTable>; never changed after publication; any thread may read it.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "sidecar/core/types.h"

namespace sidestep::sidecar {

struct RouteEntry {
  Generation generation = Generation::kNone;
  AppAddress address;
};

// What to do with the open streams and pooled connections of a generation that no longer takes new ones.
struct Closing {
  Generation generation = Generation::kNone;
  // Tunnels (WebSocket): close them with this code at `tunnels_until` at the latest; 0: leave them alone
  // until then.
  int tunnel_close_code = 0;  // != 0: a Close frame with this code is put in at the next frame boundary, now
  std::optional<TimePoint>
      tunnels_until;  // then the tunnel is closed (1012 when no code was given) and counted as cut
  std::optional<TimePoint> requests_until;  // then open requests are reset and counted as cut
};

struct RouteTable {
  std::uint64_t version = 0;
  std::optional<RouteEntry> active;  // none: new requests are held, or refused when `refuse` is set
  std::optional<RouteEntry> candidate;
  int candidate_weight = 0;       // ten-thousandths of new streams
  std::uint64_t weight_seed = 0;  // the reload's seed for the stratified choice
  std::vector<Closing> closing;   // generations that are being drained
  bool hold = false;              // active is set but new requests wait (Hold strategy, restart)
  bool refuse = false;            // 503 with Retry-After and Connection: close: nothing will come back
  bool announce_close = false;    // the pod ends: every response carries Connection: close
  bool stop_listening = false;    // close the listeners: the process ends
  // The pod ends, and no request comes any more: silent clients are closed one by one until then, so that
  // they do not come back elsewhere all at once.
  std::optional<TimePoint> release_by;
  bool accept_later = false;  // the listeners are another worker's as yet
  // This worker was replaced: it accepts no more, and clients that stay silent until then are closed one by
  // one.
  std::optional<TimePoint> clients_until;
};

using RouteTablePtr = std::shared_ptr<const RouteTable>;

}  // namespace sidestep::sidecar
