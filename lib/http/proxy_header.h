// The PROXY protocol (HAProxy's proxy-protocol.txt, 2020): the header with which a load balancer says whose
// connection it passes on, versions 1 (text) and 2 (binary), read strictly and written.
//
// Pure. Whether the sender is believed is not decided here.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace sidestep::http {

// IPv4 as ::ffff:a.b.c.d.
struct ProxyAddress {
  std::array<std::uint8_t, 16> ip{};
  std::uint16_t port = 0;
  bool operator==(const ProxyAddress&) const = default;
};

struct ProxyHeader {
  // False: the sender speaks for itself (LOCAL, UNKNOWN), or for one that has no IP address: the connection's
  // own addresses count.
  bool has_addresses = false;
  ProxyAddress source, destination;
  bool operator==(const ProxyHeader&) const = default;
};

// Longer headers are refused: 107 bytes in version 1 by the specification; in version 2 addresses and 1.9 KiB
// of further values, which are checked for their form and not used.
inline constexpr std::size_t kMostProxyHeader = 2'048;

struct ProxyResult {
  enum State : std::uint8_t {
    kNeedMore,  // every byte so far belongs to the header
    kDone,      // the first `size` bytes were the header
    kBad,
  };
  State state = kBad;
  std::size_t size = 0;
  std::string_view why;  // with kBad
};

ProxyResult parse_proxy_header(std::string_view bytes, ProxyHeader* header);

void append_proxy_v1(std::string& out, const ProxyHeader& header);
void append_proxy_v2(std::string& out, const ProxyHeader& header);

}  // namespace sidestep::http
