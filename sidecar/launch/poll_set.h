// One turn of waiting: descriptors with the function to call for each. Filled anew each turn; a launcher has
// a dozen.
#pragma once

#include <poll.h>

#include <functional>
#include <vector>

#include "sidecar/launch/posix.h"

namespace sidestep::launch {

class PollSet {
 public:
  void add(int fd, short events, std::function<void()> call) {
    fds_.push_back({fd, events, 0});
    calls_.push_back(std::move(call));
  }
  // Waits, then calls in the order of add(). The functions must not destroy what later ones use.
  void wait(Millis longest) {
    if (poll(fds_.data(), static_cast<nfds_t>(fds_.size()), static_cast<int>(longest.count())) <= 0) return;
    for (std::size_t i = 0; i < fds_.size(); ++i) {
      if (fds_[i].revents != 0) calls_[i]();
    }
  }

 private:
  std::vector<pollfd> fds_;
  std::vector<std::function<void()>> calls_;
};

}  // namespace sidestep::launch
