// One HTTP/2 connection to a generation of the app (prior knowledge, RFC 9113 3.3): many streams at once.
//
// Keeps the streams that it serves, the bytes between session and socket, and what the app has said about
// itself: how many streams it takes, whether it takes WebSockets (RFC 8441), that it goes away (GOAWAY).
// Frames are written once per turn of the loop, whatever the number of streams. Decides nothing about
// retries: Stream does, by why an AppH2Stream says that it failed. Owned by its AppPool. Threads: its
// shard's.
#pragma once

#include <sys/epoll.h>

#include <cstdint>
#include <string_view>

#include "lib/http/h2_session.h"
#include "lib/loop/event_loop.h"
#include "sidecar/io/app_h2_stream.h"
#include "sidecar/io/app_link.h"
#include "sidecar/io/intrusive_list.h"
#include "sidecar/io/turn_end.h"
#include "sidecar/io/wire.h"

namespace sidestep::sidecar {

class AppPool;
class Shard;

class AppH2 final : public AppLink, public IoHandler, public TurnEnd, private http::H2Handler {
 public:
  AppH2(Shard& shard, AppPool& pool, Wire wire, bool connected);
  ~AppH2() override;

  // AppLink.
  void attach(Stream& stream) override;
  void drop() override;
  bool is_connecting() const override { return state_ == State::kConnecting; }
  bool is_idle() const override { return state_ == State::kOpen && streams_.empty(); }
  bool has_room() const override;
  TimePoint idle_since() const override { return idle_since_; }
  bool is_stale() override;
  void read_first() override { on_io(EPOLLIN); }

  void on_io(std::uint32_t events) override;
  void on_turn_end() override;

  // --- From its streams.
  Shard& shard() { return shard_; }
  AppPool& pool() { return pool_; }
  http::H2Session& session() { return session_; }
  // For what is sent. Not the shard's list: a client's next request may lie there meanwhile.
  http::HeaderStore& fields() { return fields_; }
  // Frames wait: they leave at the end of the turn.
  void flush_later();
  // A stream has bytes that the app does not take yet.
  void remember_unsent() { any_unsent_ = true; }
  // A stream could not be handed over: it is told at the end of the turn.
  void fail_later();
  // The stream is over; destroyed at the end of the turn.
  void release(AppH2Stream& stream);
  bool knows_settings() const { return knows_settings_; }
  std::uint64_t sent_total() const { return sent_; }
  // The app has said that it did not process this stream.
  bool is_beyond_goaway(std::int32_t id) const { return is_leaving_ && id > last_id_; }
  // Bytes for this stream's client were gathered; those of another stream go out first.
  void touch(AppH2Stream& stream);

 private:
  enum class State : std::uint8_t { kConnecting, kOpen, kClosed };

  // H2Handler.
  http::H2Stream* new_stream() override { return nullptr; }  // nothing may be pushed
  void on_request(http::H2Stream&, const http::H2Fields&, bool) override {}
  void on_response(http::H2Stream& stream, const http::H2Fields& fields, bool ends) override;
  void on_data(http::H2Stream& stream, std::string_view data) override;
  void on_end(http::H2Stream& stream, const http::HeaderStore* trailers) override;
  void on_closed(http::H2Stream& stream, http::H2Error error) override;
  void on_goaway(std::int32_t last_id, http::H2Error error) override;
  void on_settings() override;
  void on_ping_ack() override {}

  void on_connected(std::uint32_t events);
  void on_readable();
  void flush_touched();
  void write_frames();
  void tell_drained();
  void tell_pool();
  // Until the app has said how many streams it takes.
  void unsettle();
  void settle();
  void want(std::uint32_t events);
  void fail(AttemptFailure why);
  void close();

  Shard& shard_;
  AppPool& pool_;
  Wire wire_;
  http::H2Session session_;
  http::HeaderStore fields_;
  IntrusiveList<AppH2Stream> streams_;
  IntrusiveList<AppH2Stream> over_;  // until the end of the turn
  AppH2Stream* touched_ = nullptr;
  std::uint64_t sent_ = 0;
  TimePoint idle_since_{};
  std::uint32_t wanted_;
  std::int32_t last_id_ = 0;  // of GOAWAY
  State state_;
  bool is_leaving_ = false;  // the app takes no further stream
  bool knows_settings_ = false;
  bool is_unsettled_ = false;  // and the pool counts it
  bool flush_due_ = false;
  bool any_unsent_ = false;
  bool any_refused_ = false;
  bool room_changed_ = false;
};

}  // namespace sidestep::sidecar
