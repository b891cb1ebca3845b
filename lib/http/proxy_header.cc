#include "lib/http/proxy_header.h"

#include <algorithm>
#include <charconv>
#include <optional>

namespace sidestep::http {
namespace {

constexpr std::string_view kV1{"PROXY "};
constexpr std::string_view kV2{"\r\n\r\n\0\r\nQUIT\n", 12};
constexpr std::size_t kMostV1 = 107;  // with CRLF
constexpr std::size_t kV2Fixed = 16;

using Ip = std::array<std::uint8_t, 16>;

ProxyResult bad(std::string_view why) { return {ProxyResult::kBad, 0, why}; }

// ---- addresses as text (version 1) ----

template <typename Number>
std::optional<Number> number_of(std::string_view text, int base, std::size_t most_digits) {
  Number number{};
  if (text.empty() || text.size() > most_digits) return std::nullopt;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number, base);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return number;
}

// Up to the next `end`, which is taken too; all of it when there is none.
std::string_view take_until(std::string_view& text, char end) {
  const std::size_t at = text.find(end);
  const std::string_view part = text.substr(0, at);
  text.remove_prefix(at == std::string_view::npos ? text.size() : at + 1);
  return part;
}

bool has_leading_zero(std::string_view digits) { return digits.size() > 1 && digits.front() == '0'; }

bool read_v4(std::string_view text, Ip& ip) {
  if (std::count(text.begin(), text.end(), '.') != 3) return false;
  ip = {};
  ip[10] = ip[11] = 0xff;
  for (std::size_t i = 12; i < 16; ++i) {
    const std::string_view part = take_until(text, '.');
    const auto number = number_of<std::uint8_t>(part, 10, 3);
    if (!number || has_leading_zero(part)) return false;
    ip[i] = *number;
  }
  return true;
}

// Groups of hex digits, separated by ':'; how many were read, or nothing.
std::optional<std::size_t> read_groups(std::string_view text, std::uint8_t* out) {
  std::size_t groups = 0;
  bool more = !text.empty();
  while (more) {
    more = text.find(':') != std::string_view::npos;
    const auto number = number_of<std::uint16_t>(take_until(text, ':'), 16, 4);
    if (!number || groups == 8) return std::nullopt;
    out[2 * groups] = static_cast<std::uint8_t>(*number >> 8);
    out[2 * groups + 1] = static_cast<std::uint8_t>(*number & 0xff);
    ++groups;
  }
  return groups;
}

// From byte `first` on.
void append_groups(std::string& out, const Ip& ip, std::size_t first) {
  std::array<char, 4> digits;
  for (std::size_t i = first; i < ip.size(); i += 2) {
    if (i > first) out += ':';
    const unsigned group = static_cast<unsigned>(ip[i] << 8 | ip[i + 1]);
    out.append(digits.data(), std::to_chars(digits.data(), digits.data() + digits.size(), group, 16).ptr);
  }
}

bool read_v6(std::string_view text, Ip& ip) {
  if (text.find('.') != std::string_view::npos) {  // "::ffff:192.0.2.1": the end as IPv4 (RFC 4291 2.2)
    const std::size_t colon = text.rfind(':');
    Ip end{};
    if (colon == std::string_view::npos || !read_v4(text.substr(colon + 1), end)) return false;
    std::string plain(text.substr(0, colon + 1));
    append_groups(plain, end, 12);
    return read_v6(plain, ip);
  }
  const std::size_t gap = text.find("::");
  Ip head{};
  const auto before = read_groups(text.substr(0, gap), head.data());
  if (!before) return false;
  ip = head;
  if (gap == std::string_view::npos) return *before == 8;
  Ip tail{};
  const auto after = read_groups(text.substr(gap + 2), tail.data());
  if (!after || *before + *after > 7) return false;
  std::copy(tail.begin(), tail.begin() + static_cast<std::ptrdiff_t>(2 * *after),
            ip.end() - static_cast<std::ptrdiff_t>(2 * *after));
  return true;
}

bool read_port(std::string_view text, std::uint16_t& port) {
  const auto number = number_of<std::uint16_t>(text, 10, 5);
  if (!number || has_leading_zero(text)) return false;
  port = *number;
  return true;
}

ProxyResult parse_v1(std::string_view bytes, ProxyHeader* header) {
  const std::size_t end = bytes.substr(0, kMostV1).find('\n');
  if (end == std::string_view::npos) {
    if (bytes.size() >= kMostV1) return bad("proxy_header_too_long");
    return {ProxyResult::kNeedMore, 0, {}};
  }
  if (bytes[end - 1] != '\r') return bad("proxy_header_line_end");
  std::string_view line = bytes.substr(kV1.size(), end - 1 - kV1.size());
  const ProxyResult done{ProxyResult::kDone, end + 1, {}};
  const std::string_view family = take_until(line, ' ');
  if (family == "UNKNOWN") return done;
  if (family != "TCP4" && family != "TCP6") return bad("proxy_header_family");
  const auto read_ip = family == "TCP4" ? read_v4 : read_v6;
  ProxyHeader read;
  read.has_addresses = true;
  const bool good =
      std::count(line.begin(), line.end(), ' ') == 3 && read_ip(take_until(line, ' '), read.source.ip) &&
      read_ip(take_until(line, ' '), read.destination.ip) &&
      read_port(take_until(line, ' '), read.source.port) && read_port(line, read.destination.port);
  if (!good) return bad("proxy_header_address");
  *header = read;
  return done;
}

// ---- version 2 ----

std::uint8_t byte_at(std::string_view bytes, std::size_t at) { return static_cast<std::uint8_t>(bytes[at]); }
std::uint16_t network_short(std::string_view bytes, std::size_t at) {
  return static_cast<std::uint16_t>(byte_at(bytes, at) << 8 | byte_at(bytes, at + 1));
}

// Type, length of two bytes, value; again and again.
bool are_values(std::string_view bytes) {
  while (!bytes.empty()) {
    if (bytes.size() < 3 || bytes.size() - 3 < network_short(bytes, 1)) return false;
    bytes.remove_prefix(std::size_t{3} + network_short(bytes, 1));
  }
  return true;
}

void read_addresses(std::string_view bytes, std::size_t ip_size, ProxyHeader* header) {
  const auto copy_ip = [&](std::size_t at, Ip& ip) {
    if (ip_size == 4) ip[10] = ip[11] = 0xff;
    for (std::size_t i = 0; i < ip_size; ++i) ip[16 - ip_size + i] = byte_at(bytes, at + i);
  };
  copy_ip(0, header->source.ip);
  copy_ip(ip_size, header->destination.ip);
  header->source.port = network_short(bytes, 2 * ip_size);
  header->destination.port = network_short(bytes, 2 * ip_size + 2);
  header->has_addresses = true;
}

ProxyResult parse_v2(std::string_view bytes, ProxyHeader* header) {
  if (bytes.size() < kV2Fixed) return {ProxyResult::kNeedMore, 0, {}};
  const std::uint8_t command = byte_at(bytes, 12);
  const std::uint8_t family = byte_at(bytes, 13);
  const std::size_t length = network_short(bytes, 14);
  if (command != 0x20 && command != 0x21) return bad("proxy_header_version");
  if (kV2Fixed + length > kMostProxyHeader) return bad("proxy_header_too_long");
  // TCP over IPv4, over IPv6, over a Unix socket; or nothing that is known.
  if (family != 0x11 && family != 0x21 && family != 0x31 && family != 0x00) return bad("proxy_header_family");
  const std::size_t addresses = family == 0x11 ? 12 : family == 0x21 ? 36 : family == 0x31 ? 216 : 0;
  const bool is_local = command == 0x20;
  if (length < addresses && !is_local) return bad("proxy_header_address");
  if (bytes.size() < kV2Fixed + length) return {ProxyResult::kNeedMore, 0, {}};
  const std::string_view rest = bytes.substr(kV2Fixed, length);
  if (!is_local && family != 0 && !are_values(rest.substr(addresses))) return bad("proxy_header_values");
  if (!is_local && (family == 0x11 || family == 0x21)) read_addresses(rest, family == 0x11 ? 4 : 16, header);
  return {ProxyResult::kDone, kV2Fixed + length, {}};
}

bool begins_like(std::string_view bytes, std::string_view start) {
  const std::size_t size = std::min(bytes.size(), start.size());
  return bytes.substr(0, size) == start.substr(0, size);
}

// ---- writing ----

bool is_v4(const Ip& ip) {
  return ip[10] == 0xff && ip[11] == 0xff &&
         std::all_of(ip.begin(), ip.begin() + 10, [](int b) { return b == 0; });
}

bool are_v4(const ProxyHeader& header) { return is_v4(header.source.ip) && is_v4(header.destination.ip); }

void append_ip(std::string& out, const Ip& ip, bool v4) {
  if (!v4) return append_groups(out, ip, 0);
  for (std::size_t i = 12; i < ip.size(); ++i) {
    if (i > 12) out += '.';
    out += std::to_string(ip[i]);
  }
}

void append_word(std::string& out, std::uint16_t word) {
  out += static_cast<char>(word >> 8);
  out += static_cast<char>(word & 0xff);
}

}  // namespace

ProxyResult parse_proxy_header(std::string_view bytes, ProxyHeader* header) {
  *header = {};
  const bool v1 = begins_like(bytes, kV1);
  const bool v2 = begins_like(bytes, kV2);
  if (!v1 && !v2) return bad("proxy_header_missing");
  if (v1 && bytes.size() >= kV1.size()) return parse_v1(bytes, header);
  if (v2 && bytes.size() >= kV2.size()) return parse_v2(bytes, header);
  return {ProxyResult::kNeedMore, 0, {}};
}

void append_proxy_v1(std::string& out, const ProxyHeader& header) {
  if (!header.has_addresses) {
    out += "PROXY UNKNOWN\r\n";
    return;
  }
  const bool v4 = are_v4(header);
  out += v4 ? "PROXY TCP4 " : "PROXY TCP6 ";
  append_ip(out, header.source.ip, v4);
  out += ' ';
  append_ip(out, header.destination.ip, v4);
  out.append(" ").append(std::to_string(header.source.port));
  out.append(" ").append(std::to_string(header.destination.port)).append("\r\n");
}

void append_proxy_v2(std::string& out, const ProxyHeader& header) {
  out += kV2;
  if (!header.has_addresses) {
    out.append("\x20\x00\x00\x00", 4);
    return;
  }
  const bool v4 = are_v4(header);
  out += '\x21';
  out += v4 ? '\x11' : '\x21';
  append_word(out, v4 ? 12 : 36);
  for (const Ip* ip : {&header.source.ip, &header.destination.ip}) {
    out.append(reinterpret_cast<const char*>(ip->data()) + (v4 ? 12 : 0), v4 ? 4 : 16);
  }
  append_word(out, header.source.port);
  append_word(out, header.destination.port);
}

}  // namespace sidestep::http
