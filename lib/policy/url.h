// The few URLs that a policy may name, read so strictly that no two programs can read them differently: a
// scheme, a host, perhaps a port and a path. No user, no fragment, no blanks, no escapes in the host. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sidestep::policy {

struct Url {
  std::string scheme;  // "http" or "https"
  std::string host;    // lower case; an IPv6 address in brackets
  int port = 0;        // the scheme's own when none is written
  std::string target;  // path and query; begins with '/', or is empty

  std::string origin() const { return scheme + "://" + host + ":" + std::to_string(port); }
};

std::optional<Url> parse_url(std::string_view text);

// Whether scheme, host and port are the same, and the path of `prefix` is the begin of the other's, folder by
// folder: http://h/a is the begin of http://h/a and of http://h/a/b, not of http://h/ab.
bool begins_with(const Url& url, const Url& prefix);

// Whether an address that a policy names may be called. `allowed`: hosts ("prometheus.monitoring"), hosts
// with a port, and URLs whose scheme, host and port count and whose path is the begin of the address's,
// folder by folder. Nothing is allowed by an empty list.
bool is_allowed(const Url& url, const std::vector<std::string>& allowed);

// Whether is_allowed understands the entry.
bool is_allow_entry(std::string_view entry);

}  // namespace sidestep::policy
