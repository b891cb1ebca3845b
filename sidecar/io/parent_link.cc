#include "sidecar/io/parent_link.h"

#include <fcntl.h>
#include <poll.h>

#include <charconv>

#include "lib/base/log.h"

namespace sidestep::sidecar {

namespace {

constexpr int kStartWaitMs = 5'000;

// "start restarts=2 launcher=new"
void read_start(const std::string& text, WorkerStart& start) {
  start.launcher_is_new = text.find(" launcher=new") != std::string::npos;
  const std::size_t at = text.find(" restarts=");
  if (at != std::string::npos)
    std::from_chars(text.data() + at + 10, text.data() + text.size(), start.restarts);
}

}  // namespace

Result<WorkerStart> ParentLink::receive_start() {
  WorkerStart start;
  if (!channel_) return start;
  fcntl(channel_.get(), F_SETFD, FD_CLOEXEC);
  while (true) {
    pollfd ready{channel_.get(), POLLIN, 0};
    if (poll(&ready, 1, kStartWaitMs) <= 0)
      return unavailable("the parent process says nothing; start `sidestep proxy`");
    FdMessage message;
    if (receive_fd_message(channel_.get(), message) != Receive::kMessage) {
      return unavailable("the parent process is gone; start `sidestep proxy`, not its worker");
    }
    if (message.text.starts_with("fd "))
      start.kept.emplace_back(message.text.substr(3), std::move(message.fd));
    if (message.text.starts_with("start")) {
      read_start(message.text, start);
      return start;
    }
  }
}

void ParentLink::keep(const std::string& name, int fd) {
  if (channel_ && !send_fd_message(channel_.get(), "keep " + name, fd)) {
    log::warn("the parent did not take a descriptor", {{"name", name}});
  }
}

void ParentLink::drop(const std::string& name) {
  if (channel_) send_fd_message(channel_.get(), "drop " + name);
}

void ParentLink::ready() {
  if (channel_) send_fd_message(channel_.get(), "ready");
}

}  // namespace sidestep::sidecar
