#include "sidecar/io/frame_peer.h"

#include <sys/epoll.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <span>
#include <utility>

namespace sidestep::sidecar {

FramePeer::FramePeer(EventLoop& loop, UniqueFd socket, Owner& owner)
    : loop_(loop), socket_(std::move(socket)), owner_(owner), fail_soon_([this] { fail(); }) {
  loop_.add(socket_.get(), EPOLLIN, this);
}

FramePeer::~FramePeer() { close(); }

void FramePeer::close() {
  if (!socket_) return;
  flush();
  loop_.remove(socket_.get());
  socket_.reset();
  loop_.cancel(fail_soon_);
}

void FramePeer::fail() {
  if (!socket_) return;
  close();
  owner_.on_closed(*this);
}

std::vector<UniqueFd> FramePeer::take_fds(std::size_t count) {
  std::vector<UniqueFd> taken;
  while (taken.size() < count && !received_.empty()) {
    taken.push_back(std::move(received_.front()));
    received_.erase(received_.begin());
  }
  return taken;
}

void FramePeer::send(std::string frame, std::vector<UniqueFd> fds) {
  if (!socket_ || is_broken_) return;
  unsent_bytes_ += frame.size();
  unsent_.push_back({std::move(frame), std::move(fds)});
  if (unsent_bytes_ > kMaxUnsent) is_broken_ = true;
  flush();
  if (is_broken_) loop_.arm(fail_soon_, Millis{0});
}

void FramePeer::flush() {
  if (is_paused_) return;
  while (!unsent_.empty() && !is_broken_) {
    Part& part = unsent_.front();
    std::vector<int> fds;
    for (const UniqueFd& fd : part.fds) fds.push_back(fd.get());
    const ssize_t sent = send_with_fds(socket_.get(), std::as_bytes(std::span(part.bytes)), fds);
    if (sent < 0) is_broken_ = true;
    if (sent <= 0) break;
    part.fds.clear();
    unsent_bytes_ -= static_cast<std::size_t>(sent);
    part.bytes.erase(0, static_cast<std::size_t>(sent));
    if (part.bytes.empty()) unsent_.pop_front();
  }
  watch();
}

void FramePeer::watch() {
  if (is_paused_) return;
  const std::uint32_t in = EPOLLIN;
  loop_.modify(socket_.get(), unsent_.empty() ? in : in | EPOLLOUT);
}

void FramePeer::pause() {
  is_paused_ = true;
  if (socket_) loop_.remove(socket_.get());
}

void FramePeer::resume() {
  if (!std::exchange(is_paused_, false) || !socket_) return;
  loop_.add(socket_.get(), EPOLLIN, this);
  watch();
}

bool FramePeer::can_move() const {
  const bool has_fds =
      std::any_of(unsent_.begin(), unsent_.end(), [](const Part& p) { return !p.fds.empty(); });
  return socket_ && !is_broken_ && !has_fds && received_.empty();
}

FramePeer::Moved FramePeer::copy() const {
  Moved moved{duplicate(socket_.get()), std::string(reader_.rest()), {}};
  for (const Part& part : unsent_) moved.unsent += part.bytes;
  return moved;
}

void FramePeer::forget() {
  unsent_.clear();
  close();
}

void FramePeer::go_on(std::string unread, std::string unsent) {
  reader_.push(unread);
  if (!unsent.empty()) send(std::move(unsent));
  take_frames();
}

void FramePeer::read() {
  std::array<std::byte, 65'536> buffer;
  const ssize_t got = receive_with_fds(socket_.get(), buffer, received_);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (got <= 0 || received_.size() > 2 * launch::kMaxListeners) {
    is_broken_ = true;
    return;
  }
  reader_.push({reinterpret_cast<const char*>(buffer.data()), static_cast<std::size_t>(got)});
  take_frames();
}

void FramePeer::take_frames() {
  launch::Frame frame{};
  while (socket_) {
    const auto next = reader_.next(frame);
    if (next == launch::FrameReader::Next::kBroken) is_broken_ = true;
    if (next != launch::FrameReader::Next::kFrame) return;
    owner_.on_frame(*this, frame);
  }
}

void FramePeer::on_io(std::uint32_t events) {
  if ((events & EPOLLOUT) != 0) flush();
  if (!is_broken_ && (events & ~static_cast<std::uint32_t>(EPOLLOUT)) != 0) read();
  if (is_broken_) fail();
}

}  // namespace sidestep::sidecar
