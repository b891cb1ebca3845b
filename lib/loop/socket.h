// Descriptors and sockets: owning them, listening, connecting, passing them to another process.
//
// Everything opened here is non-blocking and close-on-exec. Errors name the address. No state; any thread.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "lib/base/result.h"

namespace sidestep {

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

enum class PortClaim {
  kExclusive,  // without SO_REUSEPORT: nobody else can listen there, and nobody does
  kShared,     // with it: for further sockets of the same owner, after an exclusive claim
};

// Numeric IPv4 or IPv6 (without brackets); port 0 takes a free one; "::" takes IPv4 too, unless `only_v6`.
// SO_REUSEADDR, backlog 4096. A port that is taken gives ErrorKind::kConflict.
Result<UniqueFd> listen_tcp(const std::string& host, std::uint16_t port,
                            PortClaim claim = PortClaim::kExclusive, bool only_v6 = false);

// Replaces a socket file that nobody listens on; kConflict when somebody does. Paths above 107 bytes are
// refused.
Result<UniqueFd> listen_unix(const std::string& path, mode_t mode);

// The connection may still be in progress: writable, then socket_error() tells. Errors as of connect_unix().
Result<UniqueFd> connect_tcp(const std::string& host, std::uint16_t port);
// Connected on return. With Retry::kLater: ErrorKind::kUnavailable when nobody listens, kLimit when the
// backlog is full, and what lacks_descriptor() knows.
Result<UniqueFd> connect_unix(const std::string& path);
// Whether an errno says that process or machine has no descriptor (or no memory for one) left.
bool is_out_of_descriptors(int error);
// The same of an error of connect_tcp() and connect_unix().
bool lacks_descriptor(const Error& error);
// Lifts the process's bound on descriptors as far as it may. Returns what it is then.
std::size_t raise_descriptor_limit();
int socket_error(int fd);  // SO_ERROR: 0 or an errno value

// Empty when nothing waits or the connection is already gone; errno says why.
UniqueFd accept_connection(int listener);

void set_no_delay(int fd);
// 0 when `fd` is not a TCP socket.
std::uint16_t local_port(int fd);
UniqueFd duplicate(int fd);  // close-on-exec

// A connected pair of Unix sockets. `type` is SOCK_STREAM or SOCK_SEQPACKET.
Result<std::pair<UniqueFd, UniqueFd>> socket_pair(int type);

// One message with descriptors (SCM_RIGHTS) over a Unix socket, at most kMaxPassedFds of them. Returns the
// bytes taken; descriptors travel with the first byte. 0 and errno EAGAIN: the socket is full. -1: broken.
constexpr std::size_t kMaxPassedFds = 64;
ssize_t send_with_fds(int socket, std::span<const std::byte> bytes, std::span<const int> fds);
// Appends received descriptors (close-on-exec) to `fds`. 0 is end of stream, -1 an error (see errno).
ssize_t receive_with_fds(int socket, std::span<std::byte> bytes, std::vector<UniqueFd>& fds);

}  // namespace sidestep
