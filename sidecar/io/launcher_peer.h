// One connection from the launcher (or from somebody who poses as it): frames in, frames and descriptors out,
// bounded. Knows no message and trusts nobody; LauncherLink does both. Threads: the control thread.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <string>
#include <vector>

#include "lib/loop/event_loop.h"
#include "sidecar/launch/protocol.h"

namespace sidestep::sidecar {

class LauncherPeer final : public IoHandler, public Deletable {
 public:
  static constexpr std::size_t kMaxUnsent = 16U << 20U;

  struct Owner {
    virtual void on_frame(LauncherPeer& peer, const launch::Frame& frame) = 0;
    virtual void on_closed(LauncherPeer& peer) = 0;  // once; the owner gives the peer to destroy_later()

   protected:
    ~Owner() = default;
  };

  LauncherPeer(EventLoop& loop, UniqueFd socket, Owner& owner);
  ~LauncherPeer() override;

  // Never calls the owner: a failed send ends the peer in the next turn.
  void send(std::string frame, std::vector<UniqueFd> fds = {});
  // Reads no more; what was sent goes out as far as the socket takes it. on_closed() is not called.
  void close();
  // Descriptors that have arrived, oldest first; at most `count` are taken.
  std::vector<UniqueFd> take_fds(std::size_t count);

  void on_io(std::uint32_t events) override;

 private:
  void flush();
  void read();
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
  FunctionTimer fail_soon_;
};

}  // namespace sidestep::sidecar
