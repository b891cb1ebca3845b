// Plain values of HTTP messages: methods, fields, request and response heads. Views point into the bytes that
// were parsed; whoever holds a head keeps those bytes and the HeaderStore alive and unchanged.
//
// Decides nothing about what crosses the proxy (forwarding.h) and nothing about syntax (h1_parser.h).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace sidestep::http {

enum class Method : std::uint8_t {
  kGet,
  kHead,
  kPost,
  kPut,
  kDelete,
  kConnect,
  kOptions,
  kTrace,
  kPatch,
  kOther,  // a token that is none of the above; its text is kept
};

// RFC 9110 9.2.2: doing it twice is the same as doing it once. An unknown method is not.
constexpr bool is_idempotent(Method method) {
  return method != Method::kPost && method != Method::kPatch && method != Method::kConnect &&
         method != Method::kOther;
}

// Methods are case-sensitive: "get" is kOther.
Method method_of(std::string_view text);

// Fields that the proxy itself looks at, removes or writes.
enum class HeaderId : std::uint8_t {
  kOther,
  kConnection,
  kContentLength,
  kCookie,
  kExpect,
  kForwarded,
  kHost,
  kHttp2Settings,
  kKeepAlive,
  kProxyConnection,
  kSidestepGeneration,
  kTe,
  kTrailer,
  kTransferEncoding,
  kUpgrade,
  kXRealIp,
  kXForwardedClientCert,
  kXForwardedFor,
  kXForwardedHost,
  kXForwardedPort,
  kXForwardedProto,
  kXForwardedOther,  // any other name that begins with X-Forwarded-
};

// Case-insensitive. REQUIRES: `name` is a token (RFC 9110 5.6.2).
HeaderId header_id_of(std::string_view name);

struct Header {
  std::string_view name;
  std::string_view value;  // without the white space around it
  HeaderId id = HeaderId::kOther;

  Header() = default;
  Header(std::string_view n, std::string_view v) : name(n), value(v), id(header_id_of(n)) {}
};

// Where the fields of one head lie. Made once, cleared by each parse, so that parsing allocates nothing
// later.
using HeaderStore = std::vector<Header>;

// How the end of a body is known (RFC 9112 6.3).
enum class Framing : std::uint8_t {
  kNone,        // no body
  kLength,      // content_length bytes
  kChunked,     // until the last chunk and the trailers
  kUntilClose,  // responses only: until the connection ends
};

struct RequestHead {
  Method method = Method::kOther;
  std::string_view method_text;
  // As the app gets it: origin-form, or "*" for OPTIONS. Begins with '?' when an absolute-form had no path;
  // the writer puts the '/' before it.
  std::string_view target;
  std::string_view authority;       // the effective Host; empty only in HTTP/1.0 without one
  int minor_version = 1;            // 0 or 1
  std::span<const Header> headers;  // all of them, in order
  Framing framing = Framing::kNone;
  std::uint64_t content_length = 0;  // with kLength
  bool keep_alive = true;
  bool expect_continue = false;  // only with a body, only in HTTP/1.1
  bool upgrade =
      false;  // an Upgrade that may pass: HTTP/1.1, named by Connection, no body, no kind of HTTP/2
  bool websocket = false;  // upgrade to websocket with GET
  bool nominates = false;  // Connection names fields besides close, keep-alive and Upgrade
  bool te_trailers = false;
};

struct ResponseHead {
  int status = 0;  // 100 to 999
  std::string_view reason;
  int minor_version = 1;
  std::span<const Header> headers;
  Framing framing = Framing::kNone;
  std::uint64_t content_length = 0;
  bool has_content_length = false;  // also without a body: HEAD and 304 tell the length that GET would have
  bool keep_alive = true;           // the app's connection can be used again once the body has ended
  bool upgrade = false;  // 101 with a fitting Upgrade. The caller checks that the request asked for one.
  bool wants_upgrade = false;  // 426 that names a protocol which may be asked for
  bool nominates = false;
};

// An answer that is not the last one (RFC 9110 15.2); 101 ends HTTP on the connection and is final.
constexpr bool is_interim(int status) { return status >= 100 && status < 200 && status != 101; }

// The first field of that kind, or nullptr.
const Header* find_header(std::span<const Header> headers, HeaderId id);
// Case-insensitive in ASCII.
bool equals_ignoring_case(std::string_view a, std::string_view b);
const Header* find_header(std::span<const Header> headers, std::string_view name);

// Calls `visit(element)` for each element of a comma-separated list, without white space, empty ones left
// out.
template <typename Visit>
void for_each_element(std::string_view list, Visit visit) {
  while (!list.empty()) {
    const std::size_t comma = list.find(',');
    std::string_view element = list.substr(0, comma);
    list.remove_prefix(comma == std::string_view::npos ? list.size() : comma + 1);
    while (!element.empty() && (element.front() == ' ' || element.front() == '\t')) element.remove_prefix(1);
    while (!element.empty() && (element.back() == ' ' || element.back() == '\t')) element.remove_suffix(1);
    if (!element.empty()) visit(element);
  }
}

}  // namespace sidestep::http
