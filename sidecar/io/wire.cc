#include "sidecar/io/wire.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <cerrno>

namespace sidestep::sidecar {
namespace {

constexpr std::size_t kKeepSealed = 1U << 20;  // capacity, between calls

}  // namespace

ssize_t Wire::recv_plain(char* into, std::size_t size) { return ::recv(fd_.get(), into, size, MSG_DONTWAIT); }

ssize_t Wire::peek(char* into, std::size_t size) const {
  return ::recv(fd_.get(), into, size, MSG_PEEK | MSG_DONTWAIT);
}

void Wire::skip(std::size_t count) {
  ::recv(fd_.get(), nullptr, count, MSG_TRUNC | MSG_DONTWAIT);  // tcp(7): thrown away
}

ssize_t Wire::recv_sealed(char* into, std::size_t size) {
  const ssize_t count = tls_->recv(fd_.get(), into, size);
  const int error = errno;
  std::uint64_t ignored = 0;
  pass_sealed(ignored);  // an answer to a change of keys, an alert; the next call sees a broken socket
  errno = error;
  return count;
}

front::TlsSession::Handshake Wire::shake() {
  const front::TlsSession::Handshake state = tls_->shake(fd_.get());
  std::uint64_t ignored = 0;
  return pass_sealed(ignored) == SendState::kBroken ? front::TlsSession::Handshake::kFailed : state;
}

// Sends what the session has produced.
SendState Wire::pass_sealed(std::uint64_t& sent) {
  std::string& sealed = tls_->buffers().sealed;
  SendState state = rest_.empty() ? SendState::kAll : SendState::kSome;
  if (!sealed.empty()) state = send_or_keep(fd_.get(), sealed, rest_, sent);
  sealed.clear();
  if (sealed.capacity() > kKeepSealed) std::string().swap(sealed);
  return state;
}

SendState Wire::send_sealed(OutVec& pieces, std::uint64_t& sent) {
  bool good = true;
  pieces.take([&](std::string_view piece) { good = good && tls_->seal(piece); });
  good = tls_->seal_end() && good;
  const SendState state = pass_sealed(sent);
  return good ? state : SendState::kBroken;
}

SendState Wire::send_rest(std::uint64_t& sent) {
  const SendState state = sidecar::send_rest(fd_.get(), rest_, sent);
  if (ends_after_rest_ && state == SendState::kAll) ::shutdown(fd_.get(), SHUT_WR);
  return state;
}

void Wire::say_whole() {
  if (tls_ == nullptr || !rest_.empty()) return;
  tls_->end();
  std::uint64_t ignored = 0;
  pass_sealed(ignored);
}

void Wire::shutdown_write() {
  say_whole();
  ends_after_rest_ = !rest_.empty();
  if (!ends_after_rest_) ::shutdown(fd_.get(), SHUT_WR);
}

bool Wire::is_stale() {
  if (tls_ != nullptr) {
    const bool stale = tls_->is_stale(fd_.get());
    std::uint64_t ignored = 0;
    return pass_sealed(ignored) == SendState::kBroken || stale;
  }
  char byte;
  const ssize_t count = ::recv(fd_.get(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  return count >= 0 || (errno != EAGAIN && errno != EWOULDBLOCK);
}

bool Wire::has_ended() const {
  char byte;
  const ssize_t count = ::recv(fd_.get(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  return count == 0 || (count < 0 && errno != EAGAIN && errno != EWOULDBLOCK);
}

std::size_t Wire::kernel_bytes() const {
  int queued = 0;
  if (::ioctl(fd_.get(), FIONREAD, &queued) != 0 || queued < 0) queued = 0;
  return static_cast<std::size_t>(queued);
}

void Wire::clamp_window(int bytes) {
  ::setsockopt(fd_.get(), IPPROTO_TCP, TCP_WINDOW_CLAMP, &bytes, sizeof bytes);
}

void Wire::reset_at_close() {
  const linger hard{1, 0};
  ::setsockopt(fd_.get(), SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
}

void Wire::close() {
  tls_.reset();
  fd_.reset();
  rest_.clear();
}

}  // namespace sidestep::sidecar
