#include "sidecar/io/introduction.h"

#include <algorithm>
#include <cstring>
#include <iterator>

namespace sidestep::sidecar {

PeerAddress peer_of(const sockaddr_storage& address) {
  PeerAddress peer;
  if (address.ss_family == AF_INET6) {
    const auto& v6 = reinterpret_cast<const sockaddr_in6&>(address);
    peer.ip = v6.sin6_addr;
    peer.port = ntohs(v6.sin6_port);
  } else if (address.ss_family == AF_INET) {
    const auto& v4 = reinterpret_cast<const sockaddr_in&>(address);
    peer.ip.s6_addr[10] = peer.ip.s6_addr[11] = 0xff;
    std::memcpy(peer.ip.s6_addr + 12, &v4.sin_addr, 4);
    peer.port = ntohs(v4.sin_port);
  }
  return peer;
}

std::string introduction_of(AppProxyProtocol version, const http::ProxyHeader& header) {
  std::string text;
  if (version == AppProxyProtocol::kV1) http::append_proxy_v1(text, header);
  if (version == AppProxyProtocol::kV2) http::append_proxy_v2(text, header);
  return text;
}

http::ProxyHeader addresses_of(int fd, const PeerAddress& peer) {
  http::ProxyHeader header;
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  if (::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) != 0) return header;
  if (address.ss_family != AF_INET && address.ss_family != AF_INET6) return header;
  const PeerAddress own = peer_of(address);
  const auto fill = [](const PeerAddress& from, http::ProxyAddress& to) {
    std::copy(std::begin(from.ip.s6_addr), std::end(from.ip.s6_addr), to.ip.begin());
    to.port = from.port;
  };
  fill(peer, header.source);
  fill(own, header.destination);
  header.has_addresses = true;
  return header;
}

}  // namespace sidestep::sidecar
