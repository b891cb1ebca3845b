#include "lib/http/message.h"

#include <algorithm>

namespace sidestep::http {
namespace {

// `lower` is in lower case. For token characters, c | 0x20 equals a lower-case letter, a digit or '-' only if
// c does so without regard to case.
inline bool is(std::string_view token, std::string_view lower) {
  for (std::size_t i = 0; i < lower.size(); ++i) {
    if ((static_cast<unsigned char>(token[i]) | 0x20U) != static_cast<unsigned char>(lower[i])) return false;
  }
  return true;
}

inline char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

constexpr std::string_view kForwardedPrefix = "x-forwarded-";

HeaderId id_with_x(std::string_view name) {
  if (name.size() == 9 && is(name, "x-real-ip")) return HeaderId::kXRealIp;
  if (name.size() <= kForwardedPrefix.size() || !is(name, kForwardedPrefix)) return HeaderId::kOther;
  const std::string_view rest = name.substr(kForwardedPrefix.size());
  if (rest.size() == 3 && is(rest, "for")) return HeaderId::kXForwardedFor;
  if (rest.size() == 4 && is(rest, "host")) return HeaderId::kXForwardedHost;
  if (rest.size() == 4 && is(rest, "port")) return HeaderId::kXForwardedPort;
  if (rest.size() == 5 && is(rest, "proto")) return HeaderId::kXForwardedProto;
  if (rest.size() == 11 && is(rest, "client-cert")) return HeaderId::kXForwardedClientCert;
  return HeaderId::kXForwardedOther;
}

}  // namespace

Method method_of(std::string_view text) {
  switch (text.size()) {
    case 3:
      return text == "GET" ? Method::kGet : text == "PUT" ? Method::kPut : Method::kOther;
    case 4:
      return text == "POST" ? Method::kPost : text == "HEAD" ? Method::kHead : Method::kOther;
    case 5:
      return text == "PATCH" ? Method::kPatch : text == "TRACE" ? Method::kTrace : Method::kOther;
    case 6:
      return text == "DELETE" ? Method::kDelete : Method::kOther;
    case 7:
      return text == "OPTIONS" ? Method::kOptions : text == "CONNECT" ? Method::kConnect : Method::kOther;
    default:
      return Method::kOther;
  }
}

HeaderId header_id_of(std::string_view name) {
  using enum HeaderId;
  if (name.empty()) return kOther;
  const auto pick = [name](std::string_view text, HeaderId id) { return is(name, text) ? id : kOther; };
  const char first = static_cast<char>(name[0] | 0x20);
  if (first == 'x') return id_with_x(name);
  switch (name.size()) {
    case 2:
      return pick("te", kTe);
    case 4:
      return pick("host", kHost);
    case 6:
      return first == 'e' ? pick("expect", kExpect) : pick("cookie", kCookie);
    case 7:
      return first == 'u' ? pick("upgrade", kUpgrade) : pick("trailer", kTrailer);
    case 9:
      return pick("forwarded", kForwarded);
    case 10:
      return first == 'c' ? pick("connection", kConnection) : pick("keep-alive", kKeepAlive);
    case 14:
      return first == 'c' ? pick("content-length", kContentLength) : pick("http2-settings", kHttp2Settings);
    case 16:
      return pick("proxy-connection", kProxyConnection);
    case 17:
      return pick("transfer-encoding", kTransferEncoding);
    case 19:
      return pick("sidestep-generation", kSidestepGeneration);
    default:
      return kOther;
  }
}

bool equals_ignoring_case(std::string_view a, std::string_view b) {
  return a.size() == b.size() &&
         std::equal(a.begin(), a.end(), b.begin(), [](char x, char y) { return lower(x) == lower(y); });
}

const Header* find_header(std::span<const Header> headers, HeaderId id) {
  const auto it = std::find_if(headers.begin(), headers.end(), [id](const Header& h) { return h.id == id; });
  return it == headers.end() ? nullptr : &*it;
}

const Header* find_header(std::span<const Header> headers, std::string_view name) {
  const auto it = std::find_if(headers.begin(), headers.end(),
                               [name](const Header& h) { return equals_ignoring_case(h.name, name); });
  return it == headers.end() ? nullptr : &*it;
}

}  // namespace sidestep::http
