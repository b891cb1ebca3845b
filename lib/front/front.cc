#include "lib/front/front.h"

#include <arpa/inet.h>
#include <sys/socket.h>

#include <array>
#include <string_view>
#include <utility>

namespace sidestep::front {
namespace {

// "198.18.0.7", "fd00::1"; IPv4 in IPv6 as IPv4. Empty when it has gone already.
std::string source_of(int client) {
  sockaddr_storage storage{};
  socklen_t size = sizeof storage;
  if (getpeername(client, reinterpret_cast<sockaddr*>(&storage), &size) != 0) return "";
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (storage.ss_family == AF_INET) {
    inet_ntop(AF_INET, &reinterpret_cast<const sockaddr_in*>(&storage)->sin_addr, text.data(), text.size());
    return text.data();
  }
  if (storage.ss_family != AF_INET6) return "";
  const in6_addr& address = reinterpret_cast<const sockaddr_in6*>(&storage)->sin6_addr;
  inet_ntop(AF_INET6, &address, text.data(), text.size());
  const std::string_view view(text.data());
  return std::string(IN6_IS_ADDR_V4MAPPED(&address) ? view.substr(view.rfind(':') + 1) : view);
}

}  // namespace

Front::Front(EventLoop& loop, Settings settings) : loop_(loop), settings_(std::move(settings)) {}

Front::~Front() {
  stop_accepting();
  close_all();
}

void Front::serve(UniqueFd listener, bool is_local) {
  listeners_.push_back(std::make_unique<Listener>(
      loop_, std::move(listener), [this, is_local](UniqueFd client) { admit(std::move(client), is_local); },
      [this] { count("no_resources"); }));
}

void Front::stop_accepting() {
  listeners_.clear();
  has_stopped_ = true;
}

void Front::close_all() {
  connections_.clear();  // each ends its call
  open_ = 0;
  by_source_.clear();
  tcp_connections_ = 0;
  local_connections_ = 0;
}

bool Front::begin_call() {
  if (calls_ >= settings_.limits.max_calls) return false;
  if (!std::exchange(is_awake_, true) && settings_.wake_server) settings_.wake_server();
  ++calls_;
  return true;
}

void Front::admit(UniqueFd client, bool is_local) {
  const Limits& limits = settings_.limits;
  Principal principal{is_local, is_local ? "" : source_of(client.get())};
  std::size_t& total = is_local ? local_connections_ : tcp_connections_;
  if (total >= limits.max_connections) return count("too_many_connections");
  TlsServerPtr terms;
  if (!is_local && settings_.tls) {
    terms = settings_.tls();
    if (!terms) return count("no_certificate");
  }
  if (!is_local) {
    const auto known = by_source_.find(principal.address);
    if (known != by_source_.end() && known->second >= limits.max_per_source)
      return count("too_many_of_one_source");
    ++by_source_[principal.address];
    set_no_delay(client.get());
  }
  ++total;
  ConnectionOwner& owner = *this;
  auto connection = std::make_unique<Connection>(owner, std::move(client), std::move(principal), terms);
  Connection* raw = connection.get();
  connections_.emplace(raw, std::move(connection));
  ++open_;
  raw->start();
}

void Front::leave(Connection* connection) {
  const auto found = connections_.find(connection);
  if (found == connections_.end()) return;
  const Principal& principal = connection->principal();
  if (principal.is_local) {
    --local_connections_;
  } else {
    --tcp_connections_;
    const auto source = by_source_.find(principal.address);
    if (source != by_source_.end() && --source->second == 0) by_source_.erase(source);
  }
  loop_.destroy_later(std::move(found->second));
  connections_.erase(found);
  --open_;
}

void Front::count(const std::string& reason) {
  const std::lock_guard lock(mutex_);
  ++refusals_[reason];
}

std::map<std::string, std::uint64_t> Front::refusals() const {
  const std::lock_guard lock(mutex_);
  return refusals_;
}

}  // namespace sidestep::front
