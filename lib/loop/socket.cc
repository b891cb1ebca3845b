#include "lib/loop/socket.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

namespace sidestep {

namespace {

constexpr int kBacklog = 4096;
constexpr int kOpenFlags = SOCK_NONBLOCK | SOCK_CLOEXEC;

struct Address {
  sockaddr_storage storage{};
  socklen_t size = 0;
  int family = AF_UNSPEC;
  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
};

Result<Address> tcp_address(const std::string& host, std::uint16_t port) {
  Address address;
  auto* v4 = reinterpret_cast<sockaddr_in*>(&address.storage);
  auto* v6 = reinterpret_cast<sockaddr_in6*>(&address.storage);
  if (inet_pton(AF_INET, host.c_str(), &v4->sin_addr) == 1) {
    v4->sin_family = AF_INET;
    v4->sin_port = htons(port);
    address.family = AF_INET;
    address.size = sizeof *v4;
    return address;
  }
  if (inet_pton(AF_INET6, host.c_str(), &v6->sin6_addr) == 1) {
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(port);
    address.family = AF_INET6;
    address.size = sizeof *v6;
    return address;
  }
  return invalid("address \"" + host +
                 "\" is not a numeric IPv4 or IPv6 address, for instance 127.0.0.1 or ::1");
}

Result<Address> unix_address(const std::string& path) {
  Address address;
  auto* local = reinterpret_cast<sockaddr_un*>(&address.storage);
  if (path.empty() || path.size() >= sizeof local->sun_path) {
    return invalid("socket path \"" + path + "\" has " + std::to_string(path.size()) +
                   " bytes; the system takes 1 to " + std::to_string(sizeof local->sun_path - 1) +
                   ": use a shorter folder");
  }
  local->sun_family = AF_UNIX;
  std::memcpy(local->sun_path, path.c_str(), path.size() + 1);
  address.family = AF_UNIX;
  address.size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size() + 1);
  return address;
}

std::string text_of(const std::string& host, std::uint16_t port) {
  const bool is_v6 = host.find(':') != std::string::npos;
  return (is_v6 ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

Error failed(const std::string& what, int number) {
  Error error = system_error(what, number);
  if (number == EADDRINUSE) error.kind = ErrorKind::kConflict;
  if (number == ECONNREFUSED || number == ENOENT) error.kind = ErrorKind::kUnavailable;
  if (number == EAGAIN) error.kind = ErrorKind::kLimit;
  const bool may_change =
      number == EAGAIN || number == ECONNREFUSED || number == ENOENT || is_out_of_descriptors(number);
  if (may_change) error.retry = Retry::kLater;
  return error;
}

bool somebody_listens(const Address& address) {
  const UniqueFd probe(socket(AF_UNIX, SOCK_STREAM | kOpenFlags, 0));
  if (!probe) return true;
  if (connect(probe.get(), address.get(), address.size) == 0) return true;
  return errno != ECONNREFUSED && errno != ENOENT;
}

}  // namespace

bool is_out_of_descriptors(int error) {
  return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}

bool lacks_descriptor(const Error& error) {
  return error.kind == ErrorKind::kSystem && error.retry == Retry::kLater;
}

std::size_t raise_descriptor_limit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return 0;
  const rlimit wanted{limit.rlim_max, limit.rlim_max};
  if (limit.rlim_cur < limit.rlim_max && setrlimit(RLIMIT_NOFILE, &wanted) == 0) limit = wanted;
  return limit.rlim_cur;
}

void UniqueFd::reset(int fd) {
  if (fd_ >= 0) close(fd_);
  fd_ = fd;
}

Result<UniqueFd> listen_tcp(const std::string& host, std::uint16_t port, PortClaim claim, bool only_v6) {
  const auto address = tcp_address(host, port);
  if (!address) return address.error();
  const std::string what = "listen on " + text_of(host, port);
  UniqueFd fd(socket(address->family, SOCK_STREAM | kOpenFlags, 0));
  if (!fd) return failed(what, errno);
  const int on = 1;
  const int v6 = only_v6 ? 1 : 0;
  setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (claim == PortClaim::kShared) setsockopt(fd.get(), SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
  if (address->family == AF_INET6) setsockopt(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, &v6, sizeof v6);
  if (bind(fd.get(), address->get(), address->size) != 0) return failed(what, errno);
  if (listen(fd.get(), kBacklog) != 0) return failed(what, errno);
  return fd;
}

Result<UniqueFd> listen_unix(const std::string& path, mode_t mode) {
  const auto address = unix_address(path);
  if (!address) return address.error();
  const std::string what = "listen on unix:" + path;
  UniqueFd fd(socket(AF_UNIX, SOCK_STREAM | kOpenFlags, 0));
  if (!fd) return failed(what, errno);
  struct stat existing {};
  if (lstat(path.c_str(), &existing) == 0 && S_ISSOCK(existing.st_mode)) {
    if (somebody_listens(*address)) return failed(what, EADDRINUSE);
    unlink(path.c_str());
  }
  // The mode of the socket object limits the file's from its first moment; chmod then opens it as wanted.
  fchmod(fd.get(), mode & 0700U);
  if (bind(fd.get(), address->get(), address->size) != 0) return failed(what, errno);
  if (chmod(path.c_str(), mode) != 0) return failed(what, errno);
  if (listen(fd.get(), kBacklog) != 0) return failed(what, errno);
  return fd;
}

Result<UniqueFd> connect_tcp(const std::string& host, std::uint16_t port) {
  const auto address = tcp_address(host, port);
  if (!address) return address.error();
  UniqueFd fd(socket(address->family, SOCK_STREAM | kOpenFlags, 0));
  if (!fd) return failed("connect to " + text_of(host, port), errno);
  if (connect(fd.get(), address->get(), address->size) != 0 && errno != EINPROGRESS) {
    return failed("connect to " + text_of(host, port), errno);
  }
  return fd;
}

Result<UniqueFd> connect_unix(const std::string& path) {
  const auto address = unix_address(path);
  if (!address) return address.error();
  UniqueFd fd(socket(AF_UNIX, SOCK_STREAM | kOpenFlags, 0));
  if (!fd) return failed("connect to unix:" + path, errno);
  if (connect(fd.get(), address->get(), address->size) != 0) return failed("connect to unix:" + path, errno);
  return fd;
}

int socket_error(int fd) {
  int error = 0;
  socklen_t size = sizeof error;
  return getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) == 0 ? error : errno;
}

UniqueFd accept_connection(int listener) { return UniqueFd(accept4(listener, nullptr, nullptr, kOpenFlags)); }

void set_no_delay(int fd) {
  const int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

std::uint16_t local_port(int fd) {
  sockaddr_storage storage{};
  socklen_t size = sizeof storage;
  if (getsockname(fd, reinterpret_cast<sockaddr*>(&storage), &size) != 0) return 0;
  if (storage.ss_family == AF_INET) return ntohs(reinterpret_cast<const sockaddr_in*>(&storage)->sin_port);
  if (storage.ss_family == AF_INET6) return ntohs(reinterpret_cast<const sockaddr_in6*>(&storage)->sin6_port);
  return 0;
}

UniqueFd duplicate(int fd) { return UniqueFd(fcntl(fd, F_DUPFD_CLOEXEC, 0)); }

Result<std::pair<UniqueFd, UniqueFd>> socket_pair(int type) {
  int ends[2];
  if (socketpair(AF_UNIX, type | kOpenFlags, 0, ends) != 0) return system_error("socketpair", errno);
  return std::pair{UniqueFd(ends[0]), UniqueFd(ends[1])};
}

ssize_t send_with_fds(int socket, std::span<const std::byte> bytes, std::span<const int> fds) {
  iovec part{const_cast<std::byte*>(bytes.data()), bytes.size()};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(kMaxPassedFds * sizeof(int))> control{};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  if (!fds.empty()) {
    const std::size_t size = std::min(fds.size(), kMaxPassedFds) * sizeof(int);
    message.msg_control = control.data();
    message.msg_controllen = CMSG_SPACE(size);
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(size);
    std::memcpy(CMSG_DATA(header), fds.data(), size);
  }
  const ssize_t sent = sendmsg(socket, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
  if (sent < 0 && (errno == EAGAIN || errno == EINTR)) return 0;
  return sent;
}

ssize_t receive_with_fds(int socket, std::span<std::byte> bytes, std::vector<UniqueFd>& fds) {
  iovec part{bytes.data(), bytes.size()};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(kMaxPassedFds * sizeof(int))> control{};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  ssize_t got = recvmsg(socket, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
  // A Unix peer that ended with something unread: said once, before what it had sent (unix(7)).
  if (got < 0 && errno == ECONNRESET) got = recvmsg(socket, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
  if (got < 0) return got;
  for (cmsghdr* header = CMSG_FIRSTHDR(&message); header != nullptr; header = CMSG_NXTHDR(&message, header)) {
    if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
    const std::size_t count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (std::size_t i = 0; i < count; ++i) {
      int fd = -1;
      std::memcpy(&fd, CMSG_DATA(header) + i * sizeof(int), sizeof fd);
      fds.emplace_back(fd);
    }
  }
  return got;
}

}  // namespace sidestep
