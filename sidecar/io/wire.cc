#include "sidecar/io/wire.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <cerrno>

namespace sidestep::sidecar {

ssize_t Wire::recv(char* into, std::size_t size) { return ::recv(fd_.get(), into, size, MSG_DONTWAIT); }

void Wire::shutdown_write() { ::shutdown(fd_.get(), SHUT_WR); }

bool Wire::is_stale() const {
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
  fd_.reset();
  rest_.clear();
}

}  // namespace sidestep::sidecar
