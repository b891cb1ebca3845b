#include "lib/front/door.h"

#include <sys/random.h>

#include <array>
#include <cerrno>
#include <cstdlib>

namespace sidestep::front {

Door::Door(Settings settings, const Clock& clock) : loop_(clock), front_(loop_, std::move(settings)) {}

Door::~Door() { stop(); }

Status Door::listen_tcp(const std::string& host, std::uint16_t port, bool only_v6) {
  Result<UniqueFd> listener = sidestep::listen_tcp(host, port, PortClaim::kExclusive, only_v6);
  if (!listener) return listener.error();
  if (tcp_port_ == 0) tcp_port_ = local_port(listener->get());
  front_.serve(*std::move(listener), false);
  return {};
}

Status Door::listen_unix(const std::string& path) {
  Result<UniqueFd> listener = sidestep::listen_unix(path, 0600);
  if (!listener) return listener.error();
  front_.serve(*std::move(listener), true);
  return {};
}

void Door::start() {
  thread_ = std::thread([this] { loop_.run(); });
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
