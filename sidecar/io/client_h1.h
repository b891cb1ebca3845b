// One HTTP/1 connection of a client: reads requests, starts a Stream for each, writes the answers in order.
//
//   kHead ──request head──▶ kRequest ──answer and request complete──▶ kHead …
//                              │ answer complete, body not ─▶ kDiscard ─▶ kHead, or kLinger
//                              │ 101 ─▶ kTunnel
//   any ──last answer written──▶ kLinger (what the client still sends is read, so that the answer arrives
//   whole) ─▶ closed
//
// Owned by its shard. Threads: its shard's.
#pragma once

#include <cstdint>
#include <string_view>

#include "lib/http/h1_parser.h"
#include "lib/loop/event_loop.h"
#include "lib/loop/timers.h"
#include "sidecar/core/limit_names.h"
#include "sidecar/io/buffer.h"
#include "sidecar/io/client_conn.h"
#include "sidecar/io/client_side.h"
#include "sidecar/io/parked_clients.h"
#include "sidecar/io/wire.h"

namespace sidestep::sidecar {

class Shard;
class Stream;

class ClientH1 final : public ClientConn, public IoHandler, public ClientSide, private Timer {
 public:
  ClientH1(Shard& shard, Wire wire, const PeerAddress& peer, std::uint16_t listener);
  // One that was silent for a while and speaks again.
  ClientH1(Shard& shard, SilentClient client);
  ~ClientH1() override;

  void on_io(std::uint32_t events) override;

  // ClientSide.
  void interim(const http::ResponseHead& head) override;
  void head(const http::ResponseHead& head, Generation generation) override;
  void body(std::string_view data) override;
  void end(std::string_view trailers) override;
  void abort() override;
  void reject(const Rejection& rejection) override;
  void tunnel_body(std::string_view data) override;
  void tunnel_end() override;
  void tunnel_closed() override;
  bool flush() override;
  std::string_view introduction() const override { return wire_.introduction(); }
  bool takes_pipe() const override;
  bool body_from(SplicePipe& pipe) override;
  std::size_t unsent() const override { return wire_.unsent(); }
  void pause_request(bool paused) override;
  void hold_back(bool held) override;
  std::size_t kernel_bytes() const override;

  // Bytes may have come already that the loop will not report: those that TLS read with its handshake.
  bool has_begun() const { return wire_.tls() != nullptr; }
  // Goes on with a pipelined request or a body that waited. Called through Shard::later.
  void resume();
  // Whether resume() is due; set by Shard::later.
  bool is_resuming() const { return resuming_; }
  void set_resuming() { resuming_ = true; }

  // ClientConn.
  void shut_when_idle() override;
  void drop() override;
  bool drop_if_idle(TimePoint since) override;
  const PeerAddress& peer() const override { return peer_; }

 private:
  enum class State : std::uint8_t { kHead, kRequest, kDiscard, kTunnel, kLinger, kClosed };

  void on_timer() override;
  bool is_silent() const override { return is_idle() && kernel_bytes() == 0; }
  bool is_idle() const { return state_ == State::kHead && in_.empty(); }
  void on_readable();
  void on_writable();
  void on_end_of_input();
  void end_after_what_was_sent();
  void end_of_tunnel();
  bool is_cut() const;
  // Takes what it can of the bytes; the rest is presented again after more was read or the stream has moved
  // on.
  std::size_t take(std::string_view bytes);
  bool speaks_h2(std::string_view bytes) const;
  std::size_t take_preface(std::string_view bytes);
  std::size_t take_head(std::string_view bytes);
  std::size_t take_body(std::string_view bytes);
  void start_stream(const http::RequestHead& head);
  void refuse(const http::HeadResult& result);
  void answer_ended();
  void next_request();
  void finish_answers();  // nothing more will be answered here
  void start_lingering();
  void limit_time(Millis limit);
  void limit_time_once(Millis limit);
  void limit_idle_time();
  bool can_park() const;
  void park();
  void rest_timer();
  void close_cut();
  SendState send(std::uint64_t& sent);  // what was prepared for the client
  SendState send_rest(std::uint64_t& sent);
  bool after_sending(SendState sending);
  void count_kept();
  void update_interest();
  void close();
  bool wants_bytes() const;
  void hit(Limit limit);
  bool may_begin() const;
  bool has_next() const;

  Shard& shard_;
  Wire wire_;
  std::uint32_t wanted_ = 0;
  std::uint32_t kept_ = 0;  // bytes that the client has not taken: the shard has counted them
  Stream* stream_ = nullptr;
  Buffer in_;
  http::BodyReader body_;
  http::HeadScanner scanner_;
  PeerAddress peer_;
  std::uint16_t listener_;  // index of the listener it came by
  std::uint32_t requests_ = 0;
  State state_ = State::kHead;
  http::Framing answer_framing_ = http::Framing::kNone;
  bool http10_ : 1 = false;
  bool close_after_ : 1 = false;  // no request after this one
  bool client_asked_close_ : 1 = false;
  bool head_request_ : 1 = false;
  bool expects_continue_ : 1 = false;  // and no 100 has been sent
  bool body_paused_ : 1 = false;
  bool answer_done_ : 1 = false;
  bool input_ended_ : 1 = false;
  bool seen_end_ : 1 = false;   // the client has ended behind what was not read yet
  bool is_watched_ : 1 = true;  // by the loop
  bool aborted_ : 1 = false;
  bool output_ends_ : 1 = false;     // after what waits in wire_
  bool is_head_timed_ : 1 = false;   // the limit for the present head runs
  bool resuming_ : 1 = false;        // is in the shard's list
  bool is_parking_due_ : 1 = false;  // when the time limit that runs is over
};

}  // namespace sidestep::sidecar
