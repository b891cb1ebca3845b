// One HTTP/2 connection of a client (RFC 9113): prior knowledge, or ALPN under TLS. Starts a Stream for each
// request.
//
//   kOpen ──GOAWAY(2^31-1), PING──▶ kTold ──its ack, or time──▶ GOAWAY(last) kToldLast ──no stream left──▶
//   kLinger
//     └──no HTTP/2, or a flood: GOAWAY──▶ kFailed ──▶ kLinger (what the client still sends is read) ──▶
//     closed
//
// Frames of all streams leave with one call per turn of the loop. What a client has not taken is bounded per
// stream, and the more streams wait the less each may hold. A connection stays when generations change: its
// streams follow the route table. Owned by its shard. Threads: its shard's.
#pragma once

#include <cstdint>
#include <string_view>

#include "lib/http/h2_session.h"
#include "lib/loop/timers.h"
#include "sidecar/core/limit_names.h"
#include "sidecar/io/client_conn.h"
#include "sidecar/io/client_h2_stream.h"
#include "sidecar/io/turn_end.h"
#include "sidecar/io/wire.h"

namespace sidestep::sidecar {

class Shard;

class ClientH2 final : public ClientConn,
                       public IoHandler,
                       public TurnEnd,
                       private http::H2Handler,
                       private Timer {
 public:
  ClientH2(Shard& shard, Wire wire, const PeerAddress& peer, std::uint16_t listener);
  ~ClientH2() override;

  // Bytes that were read already. May close the connection.
  void take(std::string_view bytes);

  void on_io(std::uint32_t events) override;
  void on_turn_end() override;

  // ClientConn.
  void announce_end() override;
  void shut_when_idle() override;
  void drop() override;
  bool drop_if_idle(TimePoint since) override;
  const PeerAddress& peer() const override { return peer_; }

  // --- From its streams.
  Shard& shard() { return shard_; }
  http::H2Session& session() { return session_; }
  const Wire& wire() const { return wire_; }
  std::uint16_t listener() const { return listener_; }
  bool is_closed() const { return state_ == State::kClosed; }
  // Frames wait: they leave at the end of the turn.
  void flush_later();
  // Calls pass_early() of its streams at the end of the turn.
  void pass_early_later();
  // A stream may hold that many times less than it could alone.
  std::size_t crowd() const { return 1 + waiting_ / kFullBuffers; }
  void stream_waits(bool waits) { waiting_ += waits ? 1 : static_cast<std::size_t>(-1); }
  // Both the request stream and the session have done with it.
  void release(ClientH2Stream& stream);

 private:
  enum class State : std::uint8_t { kOpen, kTold, kToldLast, kFailed, kLinger, kClosed };
  static constexpr std::size_t kFullBuffers = 4;

  // H2Handler.
  http::H2Stream* new_stream() override;
  void on_request(http::H2Stream& stream, const http::H2Fields& fields, bool ends) override;
  void on_response(http::H2Stream&, const http::H2Fields&, bool) override {}
  void on_data(http::H2Stream& stream, std::string_view data) override;
  void on_end(http::H2Stream& stream, const http::HeaderStore* trailers) override;
  void on_closed(http::H2Stream& stream, http::H2Error error) override;
  void on_goaway(std::int32_t, http::H2Error) override {}
  void on_settings() override {}
  void on_ping_ack() override;

  void on_timer() override;
  void touch(ClientH2Stream* stream);
  void on_readable();
  bool wants_bytes() const;
  void write_frames();
  void tell_drained();
  void leave();
  void say_last();
  void start_lingering();
  void watch(Millis at_most);
  TimePoint check_connection(TimePoint now);
  TimePoint check_streams(TimePoint now);
  void fail();
  void update_interest();
  void count_kept(std::size_t now);
  void hit(Limit limit);
  void close();

  Shard& shard_;
  Wire wire_;
  http::H2Session session_;
  IntrusiveList<ClientH2Stream> streams_;
  ClientH2Stream* touched_ = nullptr;  // its request bytes are not with the app yet
  std::size_t kept_ = 0;               // frames that the client has not taken: the shard has counted them
  std::size_t waiting_ = 0;            // streams with bytes that the client has not taken
  TimePoint idle_since_{};
  TimePoint head_since_{};                  // with mid_head_
  TimePoint progress_at_{};                 // of writing
  TimePoint leave_at_{};                    // with will_leave_; with kTold: when GOAWAY(last) is due
  TimePoint next_look_ = TimePoint::max();  // when the timer fires
  PeerAddress peer_;
  std::uint16_t listener_;
  std::uint32_t wanted_;
  std::uint32_t requests_ = 0;
  State state_ = State::kOpen;
  bool mid_head_ : 1 = false;
  bool will_leave_ : 1 = false;
  bool flush_due_ : 1 = false;
  bool early_due_ : 1 = false;
};

}  // namespace sidestep::sidecar
