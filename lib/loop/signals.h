// Signals as events of a loop (signalfd). Blocks the signals in the calling thread, so that threads made
// later inherit the mask; programs create this before any thread. Children get an empty mask (see child.h).
// Threads: the loop's.
#pragma once

#include <functional>
#include <initializer_list>

#include "lib/loop/event_loop.h"

namespace sidestep {

// For this thread, and threads that it makes. A blocked SIGPIPE is not missed: the call that caused it fails with
// EPIPE.
void block_signal(int signal);

class SignalSource final : public IoHandler {
 public:
  using Callback = std::function<void(int signal)>;
  // Throws std::system_error when the process may not open any more descriptors.
  SignalSource(EventLoop& loop, std::initializer_list<int> signals, Callback callback);
  SignalSource(const SignalSource&) = delete;
  SignalSource& operator=(const SignalSource&) = delete;
  ~SignalSource();  // the signals stay blocked

  void on_io(std::uint32_t events) override;

 private:
  EventLoop& loop_;
  UniqueFd fd_;
  Callback callback_;
};

}  // namespace sidestep
