// A connection to a generation that speaks TLS, until the handshake is done: then its wire goes to an AppConn
// or AppH2 in its place (AppPool::introduced).
//
// Nothing of a request has been sent when it fails, so that its pool treats any failure as a refused connect.
// The limit of its time is the pool's (`app_connect_timeout`). Owned by its AppPool. Threads: its shard's.
#pragma once

#include <cstdint>
#include <string_view>

#include "lib/loop/event_loop.h"
#include "sidecar/core/counters.h"
#include "sidecar/io/app_link.h"
#include "sidecar/io/wire.h"

namespace sidestep::sidecar {

class AppPool;
class Shard;

class AppIntro final : public AppLink, public IoHandler {
 public:
  AppIntro(Shard& shard, AppPool& pool, Wire wire);
  ~AppIntro() override;

  // AppLink: of a connection that serves nobody yet.
  void attach(Stream&) override {}
  void drop() override { close(); }
  bool is_connecting() const override { return true; }
  bool is_idle() const override { return false; }
  bool has_room() const override { return false; }
  TimePoint idle_since() const override { return began_; }
  bool is_stale() override { return false; }

  void on_io(std::uint32_t events) override;

 private:
  void on_connected(std::uint32_t events);
  void shake();
  void finish();
  void want(std::uint32_t events);
  void count(AppHandshakeResult result);
  void refuse(AppHandshakeResult result, std::string_view why);
  void close();

  Shard& shard_;
  AppPool& pool_;
  Wire wire_;
  const TimePoint began_;
  std::uint32_t wanted_;
  bool is_shaken_ = false;
};

}  // namespace sidestep::sidecar
