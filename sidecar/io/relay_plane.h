// The data plane of the whole proxy as the control thread sees it: this worker's own, and those workers that
// were replaced and still finish what they have. Each of these gets every route table, and reports what is
// idle there and what it has counted; a generation is idle only when it is so in all of them. One that has
// ended counts as idle, and what it had counted stays counted.
//
// Does not start, stop or limit other workers: the parent does (sidecar/local). Control thread.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <vector>

#include "lib/loop/event_loop.h"
#include "sidecar/core/idle_everywhere.h"
#include "sidecar/io/frame_peer.h"
#include "sidecar/io/plane.h"

namespace sidestep::sidecar {

class RelayPlane final : public Plane, public FramePeer::Owner {
 public:
  // `pinned` gives the descriptor of the Unix socket that a generation has bound, or -1.
  RelayPlane(EventLoop& loop, PlaneEvents events, std::function<int(Generation)> pinned);
  ~RelayPlane() override;

  // REQUIRES: set_own() once, before any other. own_events() are what the own plane reports to.
  PlaneEvents own_events();
  void set_own(std::unique_ptr<Plane> own) { own_ = std::move(own); }
  Plane& own() { return *own_; }

  void start(std::vector<int> listeners, RouteTablePtr first) override;
  void publish(RouteTablePtr table) override;
  std::optional<ShardCounters> fresh_counters() override;
  ShardCounters latest_counters() const override;
  void secure(front::TlsServerPtr terms, std::vector<CertificateView> certificates) override;
  void secure_app(front::TlsClientPtr terms, std::vector<CertificateView> certificates) override {
    own_->secure_app(std::move(terms), std::move(certificates));
  }
  std::vector<CertificateView> certificates() const override { return own_->certificates(); }
  void shed(MemoryPressure pressure) override { own_->shed(pressure); }
  void reset_hold_mark() override;
  std::size_t old_workers() const override { return old_.size(); }
  void stop() override;

  // A worker that this one follows, with what it had counted last. It is waited for until link() or gone().
  void add_old(int worker, ShardCounters last);
  // The socket to it. One that is not known yet is added.
  void link(int worker, UniqueFd socket);
  void gone(int worker);
  // Counted by workers that have ended.
  void add_gone(const ShardCounters& counters);
  const ShardCounters& gone_counters() const { return gone_; }
  std::map<int, ShardCounters> old_counters() const;
  // This worker was replaced itself: from here on there is only its own plane.
  void leave_alone();

 private:
  static constexpr int kOwn = 0;  // no worker has this number
  struct Old {
    ShardCounters last;
    std::unique_ptr<FramePeer> peer;
    std::vector<Generation> pinned;  // whose sockets it was given
  };

  void on_frame(FramePeer& peer, const launch::Frame& frame) override;
  void on_closed(FramePeer& peer) override;
  void tell(Old& old);
  void note(int worker, Generation generation, std::uint64_t version);
  void add_others(ShardCounters& sum) const;

  EventLoop& loop_;
  const PlaneEvents events_;
  const std::function<int(Generation)> pinned_;
  std::unique_ptr<Plane> own_;
  RouteTablePtr last_ = std::make_shared<RouteTable>();
  std::map<int, Old> old_;
  ShardCounters gone_;
  IdleEverywhere idle_;
};

}  // namespace sidestep::sidecar
