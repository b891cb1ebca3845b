#include "lib/front/door.h"

#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <array>
#include <cerrno>
#include <cstdlib>

namespace sidestep::front {

Door::Door(Settings settings, const Clock& clock) : loop_(clock), front_(loop_, std::move(settings)) {}

Door::~Door() { stop(); }

UniqueFd Door::take_left(const std::string& name) {
  const auto it = left_.find(name);
  if (it == left_.end()) return UniqueFd();
  UniqueFd taken = std::move(it->second);
  left_.erase(it);
  int listens = 0;
  socklen_t size = sizeof listens;
  const bool good = getsockopt(taken.get(), SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) == 0 && listens != 0;
  return good ? std::move(taken) : UniqueFd();
}

void Door::serve(const std::string& name, UniqueFd listener, bool is_local) {
  listeners_[name] = listener.get();
  front_.serve(std::move(listener), is_local);
}

Status Door::listen_tcp(const std::string& host, std::uint16_t port, bool only_v6) {
  const bool is_v6 = host.find(':') != std::string::npos;
  const std::string name = "control " + (is_v6 ? "[" + host + "]" : host) + ":" + std::to_string(port);
  UniqueFd listener = take_left(name);
  if (!listener) {
    Result<UniqueFd> bound = sidestep::listen_tcp(host, port, PortClaim::kExclusive, only_v6);
    if (!bound) return bound.error();
    listener = *std::move(bound);
  }
  if (tcp_port_ == 0) tcp_port_ = local_port(listener.get());
  serve(name, std::move(listener), false);
  return {};
}

Status Door::listen_unix(const std::string& path) {
  const std::string name = "control unix:" + path;
  struct stat info {};
  UniqueFd listener = take_left(name);
  if (!listener || lstat(path.c_str(), &info) != 0 || !S_ISSOCK(info.st_mode)) {
    listener.reset();
    Result<UniqueFd> bound = sidestep::listen_unix(path, 0600);
    if (!bound) return bound.error();
    listener = *std::move(bound);
  }
  serve(name, std::move(listener), true);
  return {};
}

void Door::start() {
  thread_ = std::thread([this] { loop_.run(); });
}

void Door::stop_accepting() {
  loop_.post([this] { front_.stop_accepting(); });
}

void Door::stop() {
  if (!thread_.joinable()) return;
  loop_.post([this] {
    front_.stop_accepting();
    front_.close_all();
    loop_.stop();
  });
  thread_.join();
}

std::string random_token() {
  std::array<unsigned char, 16> bytes{};
  std::size_t got = 0;
  while (got < bytes.size()) {
    const ssize_t part = getrandom(bytes.data() + got, bytes.size() - got, 0);
    if (part < 0 && errno != EINTR) std::abort();  // no randomness, no safe way on
    if (part > 0) got += static_cast<std::size_t>(part);
  }
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  for (const unsigned char byte : bytes) {
    text += kDigits[byte >> 4];
    text += kDigits[byte & 15];
  }
  return text;
}

}  // namespace sidestep::front
