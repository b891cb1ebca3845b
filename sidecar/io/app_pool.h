// The connections of one shard to one generation, and the streams that wait for one.
//
// Connections with room that serve already come first, then idle ones, last in, first out. New ones are
// opened as streams wait, at most `app_max_connecting` at a time, so that a released hold does not swamp the
// app's backlog. When a connect is refused, the streams wait (they are held, not failed) and one connect is
// tried after a pause; when the generation leaves the route table, what waits is routed anew. With TLS to the
// app an AppIntro goes before the connection, and its failure is a refused connect. Where connections begin
// with a PROXY header, each serves only requests for which it would be the same, and ends with its client;
// one that is not used makes room where there are as many as are allowed. Threads: its shard's.
#pragma once

#include <cstdint>
#include <memory>
#include <set>
#include <string_view>
#include <utility>
#include <vector>

#include "lib/loop/timers.h"
#include "sidecar/core/counters.h"
#include "sidecar/core/route_table.h"
#include "sidecar/io/app_link.h"
#include "sidecar/io/intrusive_list.h"
#include "sidecar/io/stream.h"
#include "sidecar/io/wire.h"

namespace sidestep::sidecar {

class AppIntro;

class AppPool final {
 public:
  AppPool(Shard& shard, RouteEntry entry);
  AppPool(const AppPool&) = delete;
  AppPool& operator=(const AppPool&) = delete;
  ~AppPool();

  Generation generation() const { return entry_.generation; }
  const AppAddress& address() const { return entry_.address; }
  GenerationCounters& counters() { return counters_; }
  const GenerationCounters& counters() const { return counters_; }

  // Attaches the stream at once or later, or gives it back through Shard::dispatch_later or reject.
  void acquire(Stream& stream);
  // A stream that was counted in has ended (or is retried).
  void stream_left(Stream& stream);

  // From connections.
  void connected(AppLink& link);                // it may serve now
  void introduced(AppIntro& intro, Wire wire);  // the same over TLS: its place is taken
  void connect_failed();
  void handshake_failed();  // the same, of one that stood
  bool fails_tls() const { return fails_tls_; }
  // An open connection has not said yet how many streams it takes: no further one is opened for what it may
  // take. settled() once for each unsettled().
  void unsettled() { ++unsettled_; }
  void settled() { --unsettled_; }
  // What the next TLS handshake with the generation may go on with.
  front::TlsResumption& resumption() { return resumption_; }
  void has_room(AppLink& link);  // it has served, and may serve again
  void gone(AppLink& link);      // it is closed; destroyed at the end of the turn
  void file(AppLink& link);      // whether it has room has changed
  // No request with this PROXY header comes any more.
  void client_left(std::string_view introduction);

  // The generation takes no new streams: idle connections are closed, what waits is routed anew.
  void retire(const Closing& closing);
  void serve_again() { retiring_ = false; }  // a kept-warm generation came back
  bool is_retiring() const { return retiring_; }
  // No stream, no connection: the process behind it may go.
  bool is_idle() const { return streams_.empty() && waiting_.empty() && connections_ == 0; }
  std::size_t waiting() const { return waiting_.size(); }
  // Of streams that wait here and are held.
  std::size_t held_bytes() const;
  Stream* newest_held();  // null: none
  // Closes connections that have been idle too long. Called a few times a second.
  void sweep(TimePoint now);
  // Cuts everything.
  void shut();

 private:
  struct RetryTimer final : Timer {
    explicit RetryTimer(AppPool& owner) : pool(owner) {}
    void on_timer() override { pool.on_retry(); }
    AppPool& pool;
  };
  struct LimitTimer final : Timer {
    explicit LimitTimer(AppPool& owner) : pool(owner) {}
    void on_timer() override { pool.on_limit(); }
    AppPool& pool;
  };

  void open_connections();
  void could_not_open(const Error& error);
  void hold_waiting();
  bool open_one();
  bool is_full() const;  // as many connections as are allowed
  void attach(AppLink& link, Stream& stream);
  AppLink* make_link(Wire wire, bool connected);
  std::size_t slots() const;  // streams that one connection serves at the same time
  void serve_waiting(AppLink& link);
  Stream* next_for(const AppLink& link);
  AppLink* own_link(std::string_view introduction);
  void unfile(AppLink& link);
  bool is_useless(const AppLink& link) const;
  void refused();
  void release_waiting();
  void on_retry();
  void on_limit();
  void arm_limit();

  Shard& shard_;
  const RouteEntry entry_;
  const bool by_client_;  // connections begin with PROXY headers
  GenerationCounters counters_;
  IntrusiveList<AppLink> idle_;   // serve nothing; back: used last
  std::set<std::pair<std::string_view, AppLink*>> idle_by_client_;  // of idle_, where by_client_
  IntrusiveList<AppLink> roomy_;  // serve streams and take more
  IntrusiveList<AppLink> busy_;   // connecting, or serving all they can
  IntrusiveList<Stream> waiting_;
  IntrusiveList<Stream> streams_;  // attached
  std::size_t connections_ = 0;
  std::size_t connecting_ = 0;
  std::size_t unsettled_ = 0;
  RetryTimer retry_;
  LimitTimer limit_;
  front::TlsResumption resumption_;
  Closing closing_;
  int failures_ = 0;  // connects refused in a row
  bool suspect_ = false;
  bool fails_tls_ = false;  // the last try failed in its handshake
  bool retiring_ = false;
};

}  // namespace sidestep::sidecar
