// Accepts connections of one listening socket on an event loop, and rests a moment when the process is out of
// descriptors. Owned by a Front; the loop's thread. Private to lib/front.
#pragma once

#include <functional>

#include "lib/loop/event_loop.h"

namespace sidestep::front {

class Listener final : public IoHandler {
 public:
  // `exhausted` is told each time that the kernel gave no descriptor.
  Listener(EventLoop& loop, UniqueFd socket, std::function<void(UniqueFd)> admit,
           std::function<void()> exhausted);
  ~Listener();
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  void on_io(std::uint32_t events) override;

 private:
  void watch();

  EventLoop& loop_;
  UniqueFd socket_;
  const std::function<void(UniqueFd)> admit_;
  const std::function<void()> exhausted_;
  FunctionTimer rest_{[this] { watch(); }};
};

}  // namespace sidestep::front
