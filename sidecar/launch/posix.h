// The few system helpers that the launcher's units share: an owned descriptor, the clock, errors as text,
// descriptors over a socket. libc alone; no state; any thread.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace sidestep::launch {

using TimePoint = std::chrono::steady_clock::time_point;
using Millis = std::chrono::milliseconds;

TimePoint now();

class UniqueFd {
 public:
  UniqueFd() = default;
  explicit UniqueFd(int fd) : fd_(fd) {}
  UniqueFd(UniqueFd&& other) noexcept : fd_(other.release()) {}
  UniqueFd& operator=(UniqueFd&& other) noexcept {
    if (this != &other) reset(other.release());
    return *this;
  }
  ~UniqueFd() { reset(); }

  int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }
  int release() { return std::exchange(fd_, -1); }
  void reset(int fd = -1);

 private:
  int fd_ = -1;
};

// "open /etc/x: Permission denied".
std::string failure(std::string_view what, int error_number);

// Non-blocking and close-on-exec; empty on failure with errno set.
UniqueFd connect_unix(const std::string& path);

// Bytes sent (0: the socket is full), or -1. Descriptors travel with the first byte.
ssize_t send_with_fds(int socket, std::string_view bytes, const std::vector<int>& fds);
// Bytes received; 0 is the end, -1 an error (see errno). Descriptors are appended, close-on-exec.
ssize_t receive_with_fds(int socket, char* bytes, std::size_t size, std::vector<UniqueFd>& fds);

// The first `limit` bytes of a file of /proc or /sys; empty when it cannot be read.
std::string read_small_file(const std::string& path, std::size_t limit = 65'536);

}  // namespace sidestep::launch
