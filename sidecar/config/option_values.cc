#include "sidecar/config/option_values.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>

#include "lib/base/duration.h"

namespace sidestep::sidecar {
namespace {

constexpr std::size_t kMostSocketPath = 107;  // sun_path, less its NUL (unix(7))

template <typename Number>
std::optional<Number> whole_number(std::string_view text) {
  Number number{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return number;
}

bool is_address(int family, const std::string& text) {
  std::array<unsigned char, sizeof(in6_addr)> bytes{};
  return inet_pton(family, text.c_str(), bytes.data()) == 1;
}

Error not_an_address() {
  return invalid("not an address with a port; write :8080, 0.0.0.0:8080, 127.0.0.1:8080 or [::1]:8080");
}

constexpr std::string_view kUnix = "unix:";

Result<std::string> parse_socket_path(std::string_view path) {
  if (path.empty() || path.front() != '/') return invalid("not an absolute path; write unix:/run/app.sock");
  if (path.size() > kMostSocketPath)
    return invalid("longer than the 107 bytes a Unix socket may have; choose a shorter path");
  return std::string(path);
}

std::string between(std::int64_t least, std::int64_t most) {
  return std::to_string(least) + " to " + std::to_string(most);
}

Result<std::string> parse_host(std::string_view text) {
  if (text.empty()) return std::string("::");
  if (text == "localhost") return std::string("127.0.0.1");
  if (text.front() == '[' && text.back() == ']') {
    std::string inner(text.substr(1, text.size() - 2));
    if (is_address(AF_INET6, inner)) return inner;
    return not_an_address();
  }
  std::string host(text);
  if (is_address(AF_INET, host)) return host;
  if (is_address(AF_INET6, host)) return invalid("an IPv6 address needs brackets; write [" + host + "]:PORT");
  return invalid(
      "the host is not an IP address; names are not looked up, write the address, or :PORT for all");
}

}  // namespace

Result<ListenAddress> parse_listen(std::string_view text) {
  if (text.substr(0, kUnix.size()) == kUnix) {
    Result<std::string> path = parse_socket_path(text.substr(kUnix.size()));
    if (!path) return path.error();
    return ListenAddress{"", 0, false, *std::move(path)};
  }
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return not_an_address();
  const auto port = whole_number<std::uint32_t>(text.substr(colon + 1));
  if (!port) return not_an_address();
  if (*port > 65'535)
    return invalid("port " + std::to_string(*port) + " does not exist; ports go from 1 to 65535");
  Result<std::string> host = parse_host(text.substr(0, colon));
  if (!host) return host.error();
  const bool only_v6 = *host == "::" && colon > 0;
  return ListenAddress{*std::move(host), static_cast<std::uint16_t>(*port), only_v6};
}

Result<ListenAddress> parse_client_listen(std::string_view text) {
  const std::size_t end = text.find("://");
  if (end == std::string_view::npos || text.starts_with(kUnix)) return parse_listen(text);
  const std::string_view scheme = text.substr(0, end);
  const bool tls = scheme == "tls" || scheme == "proxy+tls";
  const bool proxy = scheme == "proxy" || scheme == "proxy+tls";
  if (!tls && !proxy) {
    return invalid("\"" + std::string(scheme) +
                   "://\" is unknown; write tls://:8443, proxy://:8080 or proxy+tls://:8443");
  }
  Result<ListenAddress> address = parse_listen(text.substr(end + 3));
  if (!address) return address;
  address->tls = tls;
  address->proxy = proxy;
  return address;
}

std::string to_string(const ListenAddress& address) {
  if (!address.path.empty()) return std::string(kUnix) + address.path;
  if (address.host == "::" && !address.only_v6) return ":" + std::to_string(address.port);
  const bool six = address.host.find(':') != std::string::npos;
  return (six ? "[" + address.host + "]" : address.host) + ":" + std::to_string(address.port);
}

Result<AppAddress> parse_attach(std::string_view text) {
  const Result<ListenAddress> address = parse_listen(text);
  if (!address) return address.error();
  if (!address->path.empty()) return AppAddress{0, address->path};
  if (address->port == 0) return invalid("port 0 names no app; write the port that it listens on");
  if (address->host != "127.0.0.1" && address->host != "::") {
    return invalid("the app must listen on this machine's 127.0.0.1; write 127.0.0.1:" +
                   std::to_string(address->port));
  }
  return AppAddress{address->port, {}};
}

Result<std::int64_t> parse_number(std::string_view text, std::int64_t least, std::int64_t most) {
  const auto number = whole_number<std::int64_t>(text);
  if (!number) return invalid("not a whole number; write one from " + between(least, most));
  if (*number < least || *number > most)
    return invalid("out of range; write a number from " + between(least, most));
  return *number;
}

Result<std::int64_t> parse_size(std::string_view text, std::int64_t least, std::int64_t most) {
  std::int64_t factor = 1;
  if (text.size() > 2 && text.substr(text.size() - 2) == "Ki") factor = 1'024;
  if (text.size() > 2 && text.substr(text.size() - 2) == "Mi") factor = 1'048'576;
  const auto number = whole_number<std::int64_t>(factor == 1 ? text : text.substr(0, text.size() - 2));
  if (!number) return invalid("not a size; write bytes, or a number with Ki or Mi, for instance 64Ki");
  if (*number > most / factor || *number * factor < least) {
    return invalid("out of range; write " + between(least, most) + " bytes");
  }
  return *number * factor;
}

Result<Millis> parse_span(std::string_view text, Millis least, Millis most) {
  const Result<Millis> span = parse_duration(text);
  if (!span)
    return invalid("not a duration; write a whole number and a unit, for instance 250ms, 30s, 5m or 2h");
  if (*span < least || *span > most) {
    return invalid("out of range; write " + format_duration(least) + " to " + format_duration(most));
  }
  return *span;
}

Result<bool> parse_switch(std::string_view text) {
  for (const std::string_view yes : {"true", "1", "yes", "on"}) {
    if (text == yes) return true;
  }
  for (const std::string_view no : {"false", "0", "no", "off"}) {
    if (text == no) return false;
  }
  return invalid("neither true nor false; write one of the two");
}

Result<std::pair<std::string, std::string>> parse_env(std::string_view text) {
  const std::size_t equals = text.find('=');
  if (equals == std::string_view::npos) return invalid("no '=' in it; write KEY=VALUE");
  const std::string_view key = text.substr(0, equals);
  const auto fits = [](char c) {
    return c == '_' || (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
  };
  if (key.empty() || (key.front() >= '0' && key.front() <= '9') ||
      !std::all_of(key.begin(), key.end(), fits)) {
    return invalid(
        "the name before '=' must be letters, digits and '_' and not begin with a digit; write KEY=VALUE");
  }
  return std::pair{std::string(key), std::string(text.substr(equals + 1))};
}

Result<SourceMount> parse_source(std::string_view text) {
  const std::size_t equals = text.find('=');
  const std::string_view name = text.substr(0, equals);
  const std::size_t slash = name.find('/');
  const std::string_view kind = name.substr(0, slash);
  const bool is_named = slash != std::string_view::npos && slash + 1 < name.size();
  if (!is_named || (kind != "ConfigMap" && kind != "Secret"))
    return invalid(
        "does not begin with ConfigMap/NAME or Secret/NAME; write for instance ConfigMap/shop=/etc/shop");
  if (equals == std::string_view::npos || !text.substr(equals + 1).starts_with('/'))
    return invalid("names no absolute folder after '='; write for instance ConfigMap/shop=/etc/shop");
  return SourceMount{std::string(name), std::string(text.substr(equals + 1))};
}

Result<std::string> parse_network(std::string_view text) {
  if (text == kUnixSource) return std::string(text);
  const std::size_t slash = text.find('/');
  const std::string address(text.substr(0, slash));
  const bool four = is_address(AF_INET, address);
  if (!four && !is_address(AF_INET6, address))
    return invalid("not a network; write 10.0.0.0/8, fd00::/8, or unix");
  if (slash != std::string_view::npos) {
    const auto bits = whole_number<std::uint32_t>(text.substr(slash + 1));
    if (!bits || *bits > (four ? 32U : 128U)) {
      return invalid(std::string("the prefix length goes from 0 to ") + (four ? "32" : "128") +
                     "; write 10.0.0.0/8 or fd00::/8");
    }
  }
  return std::string(text);
}

}  // namespace sidestep::sidecar
