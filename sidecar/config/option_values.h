// Reads the values of options: addresses, sizes, switches, networks, environment pairs. Text in, value or one
// sentence out ("what is wrong; how to write it"); the caller adds where it stood. Pure; touches nothing.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "lib/base/result.h"
#include "sidecar/config/options.h"
#include "sidecar/core/types.h"

namespace sidestep::sidecar {

// ":8080": every address of the machine, IPv4 and IPv6 by one socket (load.cc turns it into 0.0.0.0 where
// there is no IPv6). "0.0.0.0:8080": IPv4 alone. "[::]:8080": IPv6 alone. "127.0.0.1:8080", "[::1]:8080",
// "localhost:8080": that address. "unix:/path": a Unix socket.
Result<ListenAddress> parse_listen(std::string_view text);
// The same for clients, where "tls://", "proxy://" or "proxy+tls://" may stand before it.
Result<ListenAddress> parse_client_listen(std::string_view text);
std::string to_string(const ListenAddress& address);

// An app on this machine: ":3000", "127.0.0.1:3000", "localhost:3000" or "unix:/path". Other hosts are
// refused.
Result<AppAddress> parse_attach(std::string_view text);

// Whole numbers in [least, most]; sizes may end in Ki or Mi.
Result<std::int64_t> parse_number(std::string_view text, std::int64_t least, std::int64_t most);
Result<std::int64_t> parse_size(std::string_view text, std::int64_t least, std::int64_t most);
Result<Millis> parse_span(std::string_view text, Millis least, Millis most);

Result<bool> parse_switch(std::string_view text);  // true false 1 0 yes no on off
// "KEY=VALUE"; the key as POSIX wants it, the value free of NUL.
Result<std::pair<std::string, std::string>> parse_env(std::string_view text);
// "10.0.0.0/8", "fd00::/8", a bare address, or "unix": whoever comes by a Unix socket. Returned as written.
// "ConfigMap/shop-config=/etc/shop"
Result<SourceMount> parse_source(std::string_view text);
Result<std::string> parse_network(std::string_view text);

}  // namespace sidestep::sidecar
