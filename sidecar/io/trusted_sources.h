// The networks whose X-Forwarded-* and Forwarded fields are believed. Immutable after construction; any
// thread.
#pragma once

#include <netinet/in.h>

#include <string>
#include <string_view>
#include <vector>

#include "lib/base/result.h"

namespace sidestep::sidecar {

class TrustedSources {
 public:
  TrustedSources() = default;
  // Each entry is an address or a CIDR block, IPv4 or IPv6, or "unix". The error names the entry that is
  // neither.
  static Result<TrustedSources> parse(const std::vector<std::string>& entries);

  bool empty() const { return blocks_.empty(); }
  // IPv4 addresses are given as ::ffff:a.b.c.d, clients of a Unix socket as "::".
  bool contains(const in6_addr& address) const;

 private:
  struct Block {
    in6_addr network;
    int bits;
  };
  std::vector<Block> blocks_;
};

// "192.0.2.7", "2001:db8::1", or "unknown" for "::", into `buffer` (at least INET6_ADDRSTRLEN bytes).
std::string_view format_ip(const in6_addr& address, char* buffer);

}  // namespace sidestep::sidecar
