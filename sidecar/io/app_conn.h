// One HTTP/1 connection to a generation of the app: idle in its pool, serving one stream, or a tunnel.
//
// Reads answers and tells the stream; frames and writes what the stream gives it. Does not decide about
// retries (Stream) nor about reuse across generations (there is none). Owned by its AppPool. Threads: its
// shard's.
#pragma once

#include <cstdint>
#include <string_view>

#include "lib/http/h1_parser.h"
#include "lib/loop/event_loop.h"
#include "lib/loop/timers.h"
#include "sidecar/io/app_link.h"
#include "sidecar/io/app_side.h"
#include "sidecar/io/buffer.h"
#include "sidecar/io/stream.h"
#include "sidecar/io/wire.h"

namespace sidestep::sidecar {

class AppPool;
class Shard;

class AppConn final : public AppLink, public AppSide, public IoHandler {
 public:
  AppConn(Shard& shard, AppPool& pool, Wire wire, bool connected);
  ~AppConn() override;

  // AppLink.
  void attach(Stream& stream) override;
  void drop() override { abandon(); }
  bool is_connecting() const override { return state_ == State::kConnecting; }
  bool is_idle() const override { return state_ == State::kIdle; }
  bool has_room() const override { return state_ == State::kIdle; }
  TimePoint idle_since() const override { return idle_since_; }
  bool is_stale() override { return wire_.is_stale(); }
  std::string_view introduction() const override { return wire_.introduction(); }

  // AppSide.
  void request_head(std::string_view head) override;
  void request_body(std::string_view data) override;
  void request_end(std::string_view trailers) override;
  void flush_request() override;
  void shutdown_write() override;
  void pause_reading(bool paused) override;
  void abandon() override;
  std::size_t unsent() const override { return wire_.unsent(); }
  std::uint64_t handed() const override { return handed_; }

  void on_io(std::uint32_t events) override;

 private:
  enum class State : std::uint8_t { kConnecting, kIdle, kBusy, kTunnel, kClosed };

  void introduce();
  void on_connected(std::uint32_t events);
  void on_readable();
  bool pass_body();
  SendState send_rest();
  void on_writable();
  void end_writing();
  void read_answer(std::string_view bytes);
  bool read_head(std::string_view& bytes);
  bool read_body(std::string_view& bytes);
  bool answer_ended(std::string_view trailers, bool extra_bytes);
  void on_end_of_input(int error);
  void want(std::uint32_t events);
  void count_kept();
  void fail(AttemptFailure why);
  void close();

  Shard& shard_;
  AppPool& pool_;
  Wire wire_;
  Stream* stream_ = nullptr;
  Buffer in_;  // the beginning of a head or of trailers
  std::uint64_t handed_ = 0;
  std::size_t kept_ = 0;  // bytes that the app has not taken: the shard has counted them
  TimePoint idle_since_{};
  http::BodyReader body_;
  http::HeadScanner scanner_;
  std::uint32_t wanted_ = 0;
  State state_;
  bool in_body_ = false;
  bool keep_alive_ = true;
  bool write_broken_ = false;
  bool reading_paused_ = false;
  bool end_after_write_ = false;
  bool introduction_due_;
};

}  // namespace sidestep::sidecar
