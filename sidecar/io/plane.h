// The data plane as the control thread sees it: N shards, each a thread with an epoll loop of its own.
//
// Control publishes route tables and reads counters; the plane reports when a generation has become idle.
// Nothing is shared between shards on the request path. All methods are for the control thread; callbacks
// arrive through `post`, which the plane calls from shard threads and which must queue the function to the
// control thread.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "lib/front/tls.h"
#include "sidecar/config/options.h"
#include "sidecar/core/counters.h"
#include "sidecar/core/memory_pressure.h"
#include "sidecar/core/route_table.h"
#include "sidecar/core/snapshot.h"

namespace sidestep::sidecar {

struct PlaneEvents {
  // Every shard has acknowledged a table (version at least `version`) in which the generation takes no new
  // streams, has none in flight and has closed its pooled connections: only now may it be signalled. Reported
  // once per table.
  std::function<void(Generation, std::uint64_t version)> idle;
  // A connect to the generation failed, or it closed every connection: the prober may look at once.
  std::function<void(Generation)> suspect;
  // The first stream arrived that had to wait although the table said nothing of a hold (active does not
  // answer).
  std::function<void()> starved;
};

class Plane {
 public:
  virtual ~Plane() = default;

  // Starts the shards on the listening descriptors (which the plane owns from here on). Descriptors are
  // non-blocking and close-on-exec. REQUIRES: called once.
  virtual void start(std::vector<int> listeners, RouteTablePtr first) = 0;
  // Idempotent by version; tables are published in order.
  virtual void publish(RouteTablePtr table) = 0;
  // Sums over the shards, true after every table that was published before. Blocks until every shard has
  // answered, for at most 500 ms; nothing when one has not by then.
  virtual std::optional<ShardCounters> fresh_counters() = 0;
  // The same, or else what the shards published last.
  ShardCounters counters() {
    std::optional<ShardCounters> fresh = fresh_counters();
    return fresh ? *std::move(fresh) : latest_counters();
  }
  // Counts are copied without waiting: what each shard published last (every 50 ms while busy).
  virtual ShardCounters latest_counters() const = 0;
  // The terms of TLS to clients from now on, and what is shown of them.
  virtual void secure(front::TlsServerPtr, std::vector<CertificateView>) {}
  // The same to the app.
  virtual void secure_app(front::TlsClientPtr, std::vector<CertificateView>) {}
  virtual std::vector<CertificateView> certificates() const { return {}; }
  // What to give up from now on, since memory is short.
  virtual void shed(MemoryPressure) {}
  virtual void reset_hold_mark() = 0;
  // Workers that were replaced and still finish what they have.
  virtual std::size_t old_workers() const { return 0; }
  // Ends the shards: open streams are cut. Returns when the threads have ended.
  virtual void stop() = 0;
};

std::unique_ptr<Plane> make_plane(const Options& options, PlaneEvents events,
                                  std::function<void(std::function<void()>)> post);

}  // namespace sidestep::sidecar
