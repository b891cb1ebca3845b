#include "sidecar/launch/connection.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string_view>
#include <utility>

namespace sidestep::launch {

void Connection::send(std::string frame) {
  if (is_ready_) return enqueue({std::move(frame), {}, 0, true});
  keep(std::move(frame));
}

void Connection::keep(std::string frame) {
  waiting_.push_back(std::move(frame));
  if (waiting_.size() > kMaxWaiting) waiting_.pop_front();
}

void Connection::send_now(std::string frame, std::vector<int> fds) {
  std::vector<UniqueFd> copies;
  for (const int fd : fds) copies.emplace_back(fcntl(fd, F_DUPFD_CLOEXEC, 3));
  enqueue({std::move(frame), std::move(copies), 0, false});
}

void Connection::set_ready() {
  is_ready_ = true;
  for (std::string& frame : std::exchange(waiting_, {})) send(std::move(frame));  // a failure keeps the rest
}

void Connection::enqueue(Part part) {
  if (!socket_) return;
  unsent_bytes_ += part.bytes.size();
  unsent_.push_back(std::move(part));
  if (unsent_bytes_ > kMaxUnsent) return close();
  flush();
}

void Connection::flush() {
  while (socket_ && !unsent_.empty()) {
    Part& part = unsent_.front();
    std::vector<int> fds;
    for (const UniqueFd& fd : part.fds) fds.push_back(fd.get());
    const ssize_t sent = send_with_fds(socket_.get(), std::string_view(part.bytes).substr(part.sent), fds);
    if (sent < 0) return close();
    if (sent == 0) return;
    part.fds.clear();
    unsent_bytes_ -= static_cast<std::size_t>(sent);
    part.sent += static_cast<std::size_t>(sent);
    if (part.sent == part.bytes.size()) unsent_.pop_front();
  }
}

void Connection::close() {
  if (!socket_) return;
  socket_.reset();
  reader_ = {};
  received_.clear();
  for (Part& part : unsent_) {
    if (part.is_report) keep(std::move(part.bytes));
  }
  unsent_.clear();
  unsent_bytes_ = 0;
  is_ready_ = false;
  try_at_ = now() + kRetryPeriod;
  owner_.on_lost();
}

void Connection::watch(PollSet& set) {
  if (!socket_) return;
  const short events = unsent_.empty() ? POLLIN : POLLIN | POLLOUT;
  set.add(socket_.get(), events, [this] {
    flush();
    read();
  });
}

void Connection::read() {
  std::string buffer(65'536, '\0');
  while (socket_) {
    const ssize_t got = receive_with_fds(socket_.get(), buffer.data(), buffer.size(), received_);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && errno == EAGAIN) return;
    if (got <= 0 || received_.size() > 2 * kMaxListeners) return close();
    reader_.push({buffer.data(), static_cast<std::size_t>(got)});
    Frame frame{};
    while (socket_) {
      const auto next = reader_.next(frame);
      if (next == FrameReader::Next::kBroken) return close();
      if (next == FrameReader::Next::kNeedMore) break;
      owner_.on_frame(frame, received_);
    }
  }
}

void Connection::tick() {
  if (socket_ || now() < try_at_) return;
  socket_ = connect_unix(path_);
  try_at_ = now() + kRetryPeriod;
  if (socket_) send_now(owner_.hello());
}

Millis Connection::longest_wait() const {
  if (socket_) return Millis{60'000};
  return std::clamp(std::chrono::ceil<Millis>(try_at_ - now()), Millis{0}, kRetryPeriod);
}

}  // namespace sidestep::launch
