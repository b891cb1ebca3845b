#include "sidecar/io/listeners.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <cstddef>
#include <cstring>

#include "sidecar/io/port_owner.h"

namespace sidestep::sidecar {

namespace {

constexpr Millis kRetryPeriod{40};
constexpr mode_t kSocketMode = 0666;  // as a port is open to everybody; the folder's mode says who may pass

std::string host_of(const sockaddr_storage& storage) {
  char text[INET6_ADDRSTRLEN] = {};
  const void* address = &reinterpret_cast<const sockaddr_in*>(&storage)->sin_addr;
  if (storage.ss_family == AF_INET6) address = &reinterpret_cast<const sockaddr_in6*>(&storage)->sin6_addr;
  return inet_ntop(storage.ss_family, address, text, sizeof text) == nullptr ? "" : text;
}

bool is_bound_to(const sockaddr_storage& storage, socklen_t size, const std::string& path) {
  const auto& local = reinterpret_cast<const sockaddr_un&>(storage);
  const std::size_t most =
      size > offsetof(sockaddr_un, sun_path) ? size - offsetof(sockaddr_un, sun_path) : 0;
  return storage.ss_family == AF_UNIX && std::string(local.sun_path, strnlen(local.sun_path, most)) == path;
}

bool listens_on(int fd, const ListenAddress& wanted) {
  sockaddr_storage storage{};
  socklen_t size = sizeof storage;
  int listens = 0;
  socklen_t listens_size = sizeof listens;
  if (getsockname(fd, reinterpret_cast<sockaddr*>(&storage), &size) != 0) return false;
  if (!wanted.path.empty()) return is_bound_to(storage, size, wanted.path);
  if (storage.ss_family != AF_INET && storage.ss_family != AF_INET6) return false;
  if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &listens_size) != 0 || listens == 0) return false;
  if (wanted.port != 0 && local_port(fd) != wanted.port) return false;
  int only_v6 = 0;
  socklen_t v6_size = sizeof only_v6;
  if (wanted.host == "::" && (getsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &only_v6, &v6_size) != 0 ||
                              (only_v6 != 0) != wanted.only_v6))
    return false;
  in6_addr canonical{};
  in_addr canonical4{};
  char text[INET6_ADDRSTRLEN] = {};
  if (inet_pton(AF_INET6, wanted.host.c_str(), &canonical) == 1)
    inet_ntop(AF_INET6, &canonical, text, sizeof text);
  if (inet_pton(AF_INET, wanted.host.c_str(), &canonical4) == 1)
    inet_ntop(AF_INET, &canonical4, text, sizeof text);
  return host_of(storage) == text;
}

Result<UniqueFd> bind(const ListenAddress& address) {
  if (!address.path.empty()) return listen_unix(address.path, kSocketMode);
  return listen_tcp(address.host, address.port, PortClaim::kExclusive, address.only_v6);
}

Error taken(const ListenAddress& address) {
  const std::string owner = address.path.empty() ? port_owner(address.port) : "";
  const std::string what = address.path.empty() ? "port" : "socket";
  Error error = unavailable(listener_name(address) + ": the " + what + " is taken" +
                            (owner.empty() ? "" : " by " + owner) +
                            "; stop it, or choose another address with --listen");
  error.kind = ErrorKind::kConflict;
  return error;
}

}  // namespace

std::string listener_name(const ListenAddress& address) {
  if (!address.path.empty()) return "listen unix:" + address.path;
  const bool is_v6 = address.host.find(':') != std::string::npos;
  return (address.only_v6 ? "listen ipv6 " : "listen ") + (is_v6 ? "[" + address.host + "]" : address.host) +
         ":" + std::to_string(address.port);
}

ListenerClaim::ListenerClaim(EventLoop& loop, std::vector<ListenAddress> wanted, Millis longest_wait)
    : loop_(loop), longest_wait_(longest_wait), retry_([this] { try_again(); }) {
  for (ListenAddress& address : wanted) wanted_.push_back({std::move(address), UniqueFd()});
}

void ListenerClaim::start(std::vector<std::pair<std::string, UniqueFd>> kept, Done done) {
  done_ = std::move(done);
  give_up_at_ = loop_.now() + longest_wait_;
  for (auto& [name, fd] : kept) take(name, fd);
  try_again();
}

void ListenerClaim::offer(std::vector<NamedFd>& listeners) {
  if (!done_) return;
  for (NamedFd& one : listeners) take(one.name, one.fd);
  try_again();
}

void ListenerClaim::take(const std::string& name, UniqueFd& fd) {
  for (Wanted& one : wanted_) {
    if (!one.fd && fd && listener_name(one.address) == name && listens_on(fd.get(), one.address))
      one.fd = std::move(fd);
  }
}

bool ListenerClaim::is_complete() const {
  return std::all_of(wanted_.begin(), wanted_.end(),
                     [](const Wanted& one) { return static_cast<bool>(one.fd); });
}

bool ListenerClaim::bind_missing() {
  for (Wanted& one : wanted_) {
    if (one.fd) continue;
    auto bound = bind(one.address);
    if (bound) {
      one.fd = std::move(*bound);
      continue;
    }
    if (bound.error().kind != ErrorKind::kConflict) {
      finish(bound.error());
      return false;
    }
    if (loop_.now() >= give_up_at_) {
      finish(taken(one.address));
      return false;
    }
  }
  return true;
}

void ListenerClaim::try_again() {
  if (!done_ || !bind_missing()) return;
  if (!is_complete()) return loop_.arm(retry_, kRetryPeriod);
  std::vector<NamedFd> all;
  for (Wanted& one : wanted_) all.push_back({listener_name(one.address), std::move(one.fd)});
  finish(std::move(all));
}

void ListenerClaim::finish(Result<std::vector<NamedFd>> result) {
  loop_.cancel(retry_);
  const Done done = std::exchange(done_, {});
  done(std::move(result));
}

}  // namespace sidestep::sidecar
