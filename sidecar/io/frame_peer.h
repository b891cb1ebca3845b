// One connection that speaks in frames (sidecar/launch/wire.h), with the launcher or with another worker of
// this proxy: frames in, frames and descriptors out, bounded. Knows no message and trusts nobody; its owner
// does both. Threads: the control thread.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <string>
#include <vector>

#include "lib/loop/event_loop.h"
#include "sidecar/launch/protocol.h"

namespace sidestep::sidecar {

class FramePeer final : public IoHandler, public Deletable {
 public:
  static constexpr std::size_t kMaxUnsent = 16U << 20U;

  struct Owner {
    virtual void on_frame(FramePeer& peer, const launch::Frame& frame) = 0;
    virtual void on_closed(FramePeer& peer) = 0;  // once; the owner gives the peer to destroy_later()

   protected:
    ~Owner() = default;
  };

  FramePeer(EventLoop& loop, UniqueFd socket, Owner& owner);
  ~FramePeer() override;

  // Never calls the owner: a failed send ends the peer in the next turn.
  void send(std::string frame, std::vector<UniqueFd> fds = {});
  // Reads no more; what was sent goes out as far as the socket takes it. on_closed() is not called.
  void close();
  // Descriptors that have arrived, oldest first; at most `count` are taken.
  std::vector<UniqueFd> take_fds(std::size_t count);

  // Reads and writes nothing until resume(), and does not notice a hang-up: what comes waits in the kernel.
  void pause();
  void resume();
  // The connection as it is, for another process: nothing is read or sent here any more. REQUIRES: paused,
  // and can_move().
  struct Moved {
    UniqueFd socket;
    std::string unread;
    std::string unsent;
  };
  bool can_move() const;
  Moved copy() const;  // with a duplicate of the descriptor
  void forget();       // another process has it: closed without a word
  // What was read and sent by another process before this one.
  void go_on(std::string unread, std::string unsent);

  void on_io(std::uint32_t events) override;

 private:
  void flush();
  void read();
  void take_frames();
  void watch();
  void fail();

  EventLoop& loop_;
  UniqueFd socket_;
  Owner& owner_;
  launch::FrameReader reader_;
  std::vector<UniqueFd> received_;
  struct Part {
    std::string bytes;
    std::vector<UniqueFd> fds;
  };
  std::deque<Part> unsent_;
  std::size_t unsent_bytes_ = 0;
  bool is_broken_ = false;
  bool is_paused_ = false;
  FunctionTimer fail_soon_;
};

}  // namespace sidestep::sidecar
