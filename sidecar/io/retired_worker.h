// A worker that was replaced: it accepts nothing any more, and finishes what it has by the routes of the one
// that serves. Tells that one what is idle here and what was counted. When nothing is open any more, or its
// time is over, it ends.
//
// Its clients: every answer says that the connection closes; silent ones are closed one after the other in
// the second half of `upgrade_idle`. At `upgrade_drain` what is still open is told (WebSockets with 1012) and
// cut.
//
// Route tables are numbered anew here, since the numbers of those that serve start again after a crash.
// Control thread.
#pragma once

#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "lib/loop/event_loop.h"
#include "sidecar/io/frame_peer.h"
#include "sidecar/io/plane.h"

namespace sidestep::sidecar {

struct RetiredSettings {
  Millis idle{60'000};
  Millis drain{600'000};
};

class RetiredWorker final : public FramePeer::Owner {
 public:
  // `routes` is the newest table of `plane`, whose idle() and suspect() events come here from now on. `pin`
  // takes the socket of a generation that another worker started; `rebase` makes an address of the other
  // worker's one of ours. `done` is called once.
  struct Parts {
    EventLoop& loop;
    Plane& plane;
    RetiredSettings settings;
    std::function<void(Generation, UniqueFd)> pin;
    std::function<void(RouteTable&)> rebase;
    std::function<void()> done;
  };
  RetiredWorker(Parts parts, const RouteTable& routes);
  ~RetiredWorker();

  // The worker that serves, or the one that follows it.
  void link(UniqueFd socket);
  void on_idle(Generation generation, std::uint64_t version);
  void on_suspect(Generation generation);
  // Its time is over: what is open is told and cut soon. Once `done` was called, neither this nor anything
  // else here does anything: the plane has stopped, and what it says then is nothing.
  void end();

 private:
  void on_frame(FramePeer& peer, const launch::Frame& frame) override;
  void on_closed(FramePeer& peer) override;
  void publish();
  void look();
  void report(const ShardCounters& counters);
  void finish();

  const Parts parts_;
  const TimePoint since_;
  RouteTable routes_;                                            // of the one that serves
  std::uint64_t version_;                                        // of the table published here last
  std::vector<std::pair<std::uint64_t, std::uint64_t>> theirs_;  // published here → by the one that serves
  std::unique_ptr<FramePeer> peer_;
  std::string reported_;
  TimePoint ends_at_;
  bool is_ending_ = false;
  bool is_done_ = false;
  FunctionTimer look_;
};

}  // namespace sidestep::sidecar
