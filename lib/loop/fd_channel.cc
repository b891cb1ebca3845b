#include "lib/loop/fd_channel.h"

#include <cerrno>
#include <span>
#include <vector>

namespace sidestep {

bool send_fd_message(int channel, const std::string& text, int fd) {
  if (text.empty() || text.size() > kMaxFdText) return false;
  const std::span<const int> fds = fd >= 0 ? std::span<const int>(&fd, 1) : std::span<const int>();
  return send_with_fds(channel, std::as_bytes(std::span(text)), fds) == static_cast<ssize_t>(text.size());
}

Receive receive_fd_message(int channel, FdMessage& message) {
  std::vector<std::byte> bytes(kMaxFdText);
  std::vector<UniqueFd> fds;
  ssize_t got = 0;
  do {
    got = receive_with_fds(channel, bytes, fds);
  } while (got < 0 && errno == EINTR);
  if (got < 0 && errno == EAGAIN) return Receive::kNothing;
  if (got <= 0) return Receive::kClosed;
  message.text.assign(reinterpret_cast<const char*>(bytes.data()), static_cast<std::size_t>(got));
  message.fd = fds.empty() ? UniqueFd() : std::move(fds[0]);
  return Receive::kMessage;
}

}  // namespace sidestep
