#include "sidecar/io/parent_link.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>

#include <charconv>
#include <string_view>

#include "lib/base/log.h"

namespace sidestep::sidecar {

namespace {

constexpr int kStartWaitMs = 5'000;

// The value of "KEY=VALUE" in "start restarts=2 launcher=new worker=3"; empty when it is not there.
std::string_view value_of(std::string_view text, std::string_view key) {
  const std::size_t at = text.find(" " + std::string(key) + "=");
  if (at == std::string_view::npos) return {};
  const std::string_view rest = text.substr(at + key.size() + 2);
  return rest.substr(0, rest.find(' '));
}

int number_of(std::string_view text, int fallback) {
  std::from_chars(text.data(), text.data() + text.size(), fallback);
  return fallback;
}

void read_start(const std::string& text, WorkerStart& start) {
  start.launcher_is_new = value_of(text, "launcher") == "new";
  start.restarts = number_of(value_of(text, "restarts"), 0);
  start.number = number_of(value_of(text, "worker"), 1);
  start.nonce = value_of(text, "upgrade");
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

void ParentLink::ready() { tell("ready"); }

ParentLink::~ParentLink() {
  if (loop_ != nullptr) loop_->remove(channel_.get());
}

void ParentLink::watch(EventLoop& loop, OnMessage on_message) {
  if (!channel_) return;
  loop_ = &loop;
  on_message_ = std::move(on_message);
  loop.add(channel_.get(), EPOLLIN, this);
}

bool ParentLink::tell(const std::string& text) {
  return channel_ && send_fd_message(channel_.get(), text.substr(0, kMaxFdText));
}

void ParentLink::on_io(std::uint32_t /*events*/) {
  FdMessage message;
  while (channel_) {
    const Receive got = receive_fd_message(channel_.get(), message);
    if (got == Receive::kNothing) return;
    if (got == Receive::kClosed) {
      loop_->remove(channel_.get());
      channel_.reset();
      return;
    }
    on_message_(std::move(message));
  }
}

}  // namespace sidestep::sidecar
