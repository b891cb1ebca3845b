// The worker's end of the socket to its parent, which outlives it and holds descriptors for the next worker.
//
// Messages (text, one descriptor at most): parent → worker "fd NAME" for each descriptor that it holds, then
// "start KEY=VALUE…"; worker → parent "keep NAME", "drop NAME", "ready".
//
// Of a replacement (core/handover.h): worker → parent "upgrade OPTIONS", "proved NONCE parent=N", "cannot
// WHY"; parent → worker "handover NONCE" (with the socket to the new worker), "resume", "yield" (with the
// socket to the one that serves), "take", "older N" (with the socket to a worker that was replaced), "gone
// N", "end", "upgrade-refused WHY", "upgrade-report …".
//
// A worker without a parent (tests) has a link that keeps nothing. Threads: the control thread.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "lib/loop/event_loop.h"
#include "lib/loop/fd_channel.h"

namespace sidestep::sidecar {

// What the parent tells a worker before it does anything.
struct WorkerStart {
  std::vector<std::pair<std::string, UniqueFd>> kept;  // by name, as an earlier worker gave them
  int restarts = 0;                                    // workers that crashed before this one
  bool launcher_is_new =
      false;          // `sidestep run`: the launcher was started just now; a token in the journal is void
  int number = 1;     // of all workers of this proxy
  std::string nonce;  // this worker replaces another one, and proves itself with it; empty: it does not
};

class ParentLink final : public IoHandler {
 public:
  static constexpr int kChannelFd = 3;   // where a worker finds its end
  static constexpr int kHandoverFd = 4;  // and, when it replaces another one, the socket to that
  using OnMessage = std::function<void(FdMessage)>;

  ParentLink() = default;  // without a parent
  explicit ParentLink(UniqueFd channel) : channel_(std::move(channel)) {}
  ParentLink(const ParentLink&) = delete;
  ParentLink& operator=(const ParentLink&) = delete;
  ~ParentLink();

  // Waits for the parent's first words; the error says that there are none.
  Result<WorkerStart> receive_start();

  // The parent keeps a duplicate under the name until drop(), also when this worker crashes.
  void keep(const std::string& name, int fd);
  void drop(const std::string& name);
  // What the parent says after the start is given to `on_message`. `loop` outlives this.
  void watch(EventLoop& loop, OnMessage on_message);
  // False: there is no parent, or it takes nothing more.
  bool tell(const std::string& text);
  void on_io(std::uint32_t events) override;
  // This worker serves: the parent takes later crashes for new ones and tries again at once.
  void ready();

 private:
  UniqueFd channel_;
  EventLoop* loop_ = nullptr;
  OnMessage on_message_;
};

}  // namespace sidestep::sidecar
