// One HTTP/1 connection to a generation of the app: idle in its pool, serving one stream, or a tunnel.
//
// Reads answers and tells the stream; writes what the stream gives it. Does not decide about retries (Stream)
// nor about reuse across generations (there is none). Owned by its AppPool. Threads: its shard's.
#pragma once

#include <cstdint>
#include <string_view>

#include "lib/http/h1_parser.h"
#include "lib/loop/event_loop.h"
#include "lib/loop/socket.h"
#include "lib/loop/timers.h"
#include "sidecar/io/buffer.h"
#include "sidecar/io/intrusive_list.h"
#include "sidecar/io/out_vec.h"
#include "sidecar/io/stream.h"

namespace sidestep::sidecar {

class AppPool;
class Shard;

class AppConn final : public Deletable, public IoHandler, public ListHook<AppConn> {
 public:
  AppConn(Shard& shard, AppPool& pool, UniqueFd fd, bool connected);
  ~AppConn() override;

  // REQUIRES: idle. Calls stream.attached(this).
  void attach(Stream& stream);
  // The stream ended first (its client is gone, or it was cut): this connection cannot be used again. The
  // stream is not called any more.
  void abandon();

  void write(std::string_view bytes);
  void write(OutVec& pieces);
  void shutdown_write();
  void pause_reading(bool paused);
  std::size_t unsent() const { return out_.size(); }
  // Bytes of the present stream that the kernel took.
  std::uint64_t handed() const { return handed_; }
  int descriptor() const { return fd_.get(); }
  bool is_connecting() const { return state_ == State::kConnecting; }
  TimePoint idle_since() const { return idle_since_; }
  // True when the app has closed or sent something although nobody asked: asks the kernel.
  bool is_stale() const;

  void on_io(std::uint32_t events) override;

 private:
  enum class State : std::uint8_t { kConnecting, kIdle, kBusy, kTunnel, kClosed };

  void on_connected(std::uint32_t events);
  void on_readable();
  void on_writable();
  void read_answer(std::string_view bytes);
  bool read_head(std::string_view& bytes);
  bool read_body(std::string_view& bytes);
  bool answer_ended(std::string_view trailers, bool extra_bytes);
  void on_end_of_input(int error);
  void want(std::uint32_t events);
  void fail(AttemptFailure why);
  void close();

  Shard& shard_;
  AppPool& pool_;
  UniqueFd fd_;
  Stream* stream_ = nullptr;
  Buffer in_;   // the beginning of a head or of trailers
  Buffer out_;  // what the app did not take yet
  std::uint64_t handed_ = 0;
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
};

}  // namespace sidestep::sidecar
