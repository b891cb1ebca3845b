// The two ends of a handover: the worker that is replaced gives its state, the one that replaces it takes it,
// over a socket that the parent made. A version that the other does not know, a frame or a descriptor that
// does not come whole, or an end of the connection is a failure, and leaves the giving one as it was.
//
// Decides nothing else; the parent says what follows. Control thread.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "lib/base/result.h"
#include "sidecar/io/frame_peer.h"
#include "sidecar/io/worker_state.h"

namespace sidestep::sidecar {

class HandoverGiver final : public FramePeer::Owner {
 public:
  struct Gift {
    WorkerState state;
    std::vector<UniqueFd> descriptors;
  };
  // `make` is called once, when the other end has introduced itself; `failed` at most once.
  HandoverGiver(EventLoop& loop, UniqueFd socket, std::function<Result<Gift>()> make,
                std::function<void(const std::string& why)> failed);

 private:
  void on_frame(FramePeer& peer, const launch::Frame& frame) override;
  void on_closed(FramePeer& peer) override;
  void fail(const std::string& why);

  std::function<Result<Gift>()> make_;
  std::function<void(const std::string&)> failed_;
  FramePeer peer_;
};

class HandoverTaker final : public FramePeer::Owner {
 public:
  // Exactly one of the two is called, once.
  HandoverTaker(EventLoop& loop, UniqueFd socket,
                std::function<void(WorkerState, std::vector<UniqueFd>)> taken,
                std::function<void(const std::string& why)> failed);

 private:
  void on_frame(FramePeer& peer, const launch::Frame& frame) override;
  void on_closed(FramePeer& peer) override;
  void fail(const std::string& why);

  std::function<void(WorkerState, std::vector<UniqueFd>)> taken_;
  std::function<void(const std::string&)> failed_;
  FramePeer peer_;
};

}  // namespace sidestep::sidecar
