#include "sidecar/io/trusted_sources.h"

#include <arpa/inet.h>

#include <charconv>
#include <cstring>

#include "sidecar/config/options.h"

namespace sidestep::sidecar {
namespace {

constexpr int kV4Prefix = 96;  // ::ffff:0:0/96

bool parse_ip(const std::string& text, in6_addr& out, bool& is_v4) {
  in_addr v4{};
  is_v4 = inet_pton(AF_INET, text.c_str(), &v4) == 1;
  if (!is_v4) return inet_pton(AF_INET6, text.c_str(), &out) == 1;
  out = in6_addr{};
  out.s6_addr[10] = out.s6_addr[11] = 0xff;
  std::memcpy(out.s6_addr + 12, &v4, 4);
  return true;
}

char* append_octet(char* out, unsigned octet) { return std::to_chars(out, out + 3, octet).ptr; }

}  // namespace

Result<TrustedSources> TrustedSources::parse(const std::vector<std::string>& entries) {
  TrustedSources sources;
  for (const std::string& entry : entries) {
    const std::size_t slash = entry.find('/');
    Block block{};
    bool is_v4 = false;
    if (entry == kUnixSource) {  // such clients have the address "::"
      sources.blocks_.push_back({in6addr_any, 128});
      continue;
    }
    bool good = parse_ip(entry.substr(0, slash), block.network, is_v4);
    const int most = is_v4 ? 32 : 128;
    int bits = most;
    if (good && slash != std::string::npos) {
      const char* end = entry.data() + entry.size();
      const auto [at, error] = std::from_chars(entry.data() + slash + 1, end, bits);
      good = error == std::errc{} && at == end && bits >= 0 && bits <= most;
    }
    if (!good)
      return invalid("\"" + entry + "\" is no network; write an address or a block, for instance 10.0.0.0/8");
    block.bits = is_v4 ? kV4Prefix + bits : bits;
    sources.blocks_.push_back(block);
  }
  return sources;
}

bool TrustedSources::contains(const in6_addr& address) const {
  for (const Block& block : blocks_) {
    const int whole = block.bits / 8;
    const int rest = block.bits % 8;
    if (std::memcmp(address.s6_addr, block.network.s6_addr, static_cast<std::size_t>(whole)) != 0) continue;
    const unsigned mask = 0xff00U >> rest & 0xffU;
    if (rest == 0 || (address.s6_addr[whole] & mask) == (block.network.s6_addr[whole] & mask)) return true;
  }
  return false;
}

std::string_view format_ip(const in6_addr& address, char* buffer) {
  if (IN6_IS_ADDR_V4MAPPED(&address)) {
    char* end = append_octet(buffer, address.s6_addr[12]);
    for (int i = 13; i < 16; ++i) {
      *end++ = '.';
      end = append_octet(end, address.s6_addr[i]);
    }
    return {buffer, static_cast<std::size_t>(end - buffer)};
  }
  if (IN6_IS_ADDR_UNSPECIFIED(&address)) return "unknown";  // RFC 7239, 6.2
  if (inet_ntop(AF_INET6, &address, buffer, INET6_ADDRSTRLEN) == nullptr) return {};
  return buffer;
}

}  // namespace sidestep::sidecar
