#include "lib/http/h1_semantics.h"

#include <limits>

#include "lib/http/chars.h"

namespace sidestep::http {
namespace {

constexpr std::uint64_t kLargest = std::numeric_limits<std::int64_t>::max();

// What the fields say, before it is held against the method, the version and the status.
struct Facts {
  int hosts = 0;
  std::string_view host;
  int lengths = 0;
  bool lengths_differ = false;
  std::uint64_t length = 0;
  int codings = 0;
  bool says_close = false;
  bool says_keep_alive = false;
  bool names_upgrade = false;
  bool nominates = false;
  int upgrades = 0;
  std::string_view upgrade;
  bool expects_continue = false;
  bool expects_other = false;
  bool te_trailers = false;
};

BadReason parse_length(std::string_view text, std::uint64_t* out) {
  if (text.empty() || !chars::all(text, chars::kDigit)) return BadReason::kLengthInvalid;
  std::uint64_t value = 0;
  for (const char c : text) {
    const auto digit = static_cast<std::uint64_t>(c - '0');
    if (value > (kLargest - digit) / 10) return BadReason::kLengthTooLarge;
    value = value * 10 + digit;
  }
  *out = value;
  return BadReason::kNone;
}

BadReason take_length(std::string_view value, Facts* facts) {
  std::uint64_t length = 0;
  if (const BadReason reason = parse_length(value, &length); reason != BadReason::kNone) return reason;
  if (facts->lengths > 0 && length != facts->length) facts->lengths_differ = true;
  facts->length = length;
  ++facts->lengths;
  return BadReason::kNone;
}

// Only the exact coding "chunked" frames a body. A list that ends in chunked is well-formed, but not
// understood.
BadReason take_coding(std::string_view value, Facts* facts) {
  ++facts->codings;
  if (facts->codings > 1) return BadReason::kCodingInvalid;
  if (equals_ignoring_case(value, "chunked")) return BadReason::kNone;
  if (value.empty() || value.front() == ',' || value.back() == ',') return BadReason::kCodingInvalid;
  bool well_formed = true;
  int chunked = 0;
  bool chunked_is_last = false;
  for_each_element(value, [&](std::string_view element) {
    well_formed = well_formed && chars::all(element, chars::kToken);
    chunked_is_last = equals_ignoring_case(element, "chunked");
    chunked += chunked_is_last ? 1 : 0;
  });
  const bool understood_by_somebody = well_formed && (chunked == 0 || (chunked == 1 && chunked_is_last));
  return understood_by_somebody ? BadReason::kCodingUnsupported : BadReason::kCodingInvalid;
}

void take_connection(std::string_view value, Facts* facts) {
  if (equals_ignoring_case(value, "keep-alive")) {
    facts->says_keep_alive = true;
    return;
  }
  for_each_element(value, [facts](std::string_view element) {
    if (equals_ignoring_case(element, "close"))
      facts->says_close = true;
    else if (equals_ignoring_case(element, "keep-alive"))
      facts->says_keep_alive = true;
    else if (equals_ignoring_case(element, "upgrade"))
      facts->names_upgrade = true;
    else
      facts->nominates = true;
  });
}

void take_te(std::string_view value, Facts* facts) {
  for_each_element(value, [facts](std::string_view element) {
    if (equals_ignoring_case(element, "trailers")) facts->te_trailers = true;
  });
}

BadReason take(const Header& header, Facts* facts) {
  switch (header.id) {
    case HeaderId::kHost:
      ++facts->hosts;
      facts->host = header.value;
      return BadReason::kNone;
    case HeaderId::kContentLength:
      return take_length(header.value, facts);
    case HeaderId::kTransferEncoding:
      return take_coding(header.value, facts);
    case HeaderId::kConnection:
      take_connection(header.value, facts);
      return BadReason::kNone;
    case HeaderId::kUpgrade:
      ++facts->upgrades;
      facts->upgrade = header.value;
      return BadReason::kNone;
    case HeaderId::kExpect:
      if (equals_ignoring_case(header.value, "100-continue"))
        facts->expects_continue = true;
      else
        facts->expects_other = true;
      return BadReason::kNone;
    case HeaderId::kTe:
      take_te(header.value, facts);
      return BadReason::kNone;
    case HeaderId::kOther:
    case HeaderId::kCookie:
    case HeaderId::kForwarded:
    case HeaderId::kHttp2Settings:
    case HeaderId::kKeepAlive:
    case HeaderId::kProxyConnection:
    case HeaderId::kSidestepGeneration:
    case HeaderId::kTrailer:
    case HeaderId::kXRealIp:
    case HeaderId::kXForwardedClientCert:
    case HeaderId::kXForwardedFor:
    case HeaderId::kXForwardedHost:
    case HeaderId::kXForwardedPort:
    case HeaderId::kXForwardedProto:
    case HeaderId::kXForwardedOther:
      return BadReason::kNone;
  }
  return BadReason::kNone;
}

BadReason gather(std::span<const Header> headers, Facts* facts) {
  for (const Header& header : headers) {
    if (header.id == HeaderId::kOther) continue;
    if (const BadReason reason = take(header, facts); reason != BadReason::kNone) return reason;
  }
  return BadReason::kNone;
}

// A tunnel to another protocol, but never to a kind of HTTP/2: requests inside it would pass unseen.
bool may_upgrade(const Facts& facts) {
  if (!facts.names_upgrade || facts.upgrades != 1 || facts.upgrade.empty()) return false;
  const std::size_t slash = facts.upgrade.find('/');
  const std::string_view protocol = facts.upgrade.substr(0, slash);
  const std::string_view version =
      slash == std::string_view::npos ? std::string_view() : facts.upgrade.substr(slash + 1);
  // A list, or nonsense: something else may take another element of it.
  if (protocol.empty() || !chars::all(protocol, chars::kToken) || !chars::all(version, chars::kToken))
    return false;
  return !equals_ignoring_case(protocol, "h2c") && !equals_ignoring_case(protocol, "h2") &&
         !equals_ignoring_case(protocol, "http");
}

BadReason frame_request(const Facts& facts, RequestHead* head) {
  if (facts.codings > 0 && head->minor_version == 0) return BadReason::kCodingInHttp10;
  if (facts.codings > 0 && facts.lengths > 0) return BadReason::kCodingWithLength;
  if (facts.lengths > 1) return BadReason::kLengthRepeated;
  if (facts.codings > 0)
    head->framing = Framing::kChunked;
  else if (facts.lengths > 0)
    head->framing = Framing::kLength;
  else
    head->framing = Framing::kNone;
  head->content_length = facts.lengths > 0 ? facts.length : 0;
  const bool has_body = head->framing == Framing::kChunked || head->content_length > 0;
  if (head->method == Method::kTrace && has_body) return BadReason::kBodyNotAllowed;
  return BadReason::kNone;
}

BadReason find_authority(const Facts& facts, RequestHead* head) {
  if (facts.hosts > 1) return BadReason::kHostRepeated;
  if (facts.hosts == 0) return head->minor_version == 0 ? BadReason::kNone : BadReason::kHostMissing;
  if (const BadReason reason = check_authority(facts.host); reason != BadReason::kNone) return reason;
  if (head->authority.empty()) head->authority = facts.host;  // the authority of an absolute-form wins
  return BadReason::kNone;
}

bool is_keep_alive(const Facts& facts, int minor_version) {
  if (facts.says_close) return false;
  return minor_version == 1 || facts.says_keep_alive;
}

bool has_no_body(Method request, int status) {
  return request == Method::kHead || (status >= 100 && status < 200) || status == 204 || status == 304;
}

BadReason check_port(std::string_view port) {
  if (!chars::all(port, chars::kDigit) || port.size() > 5) return BadReason::kHostInvalid;
  unsigned value = 0;
  for (const char c : port) value = value * 10 + static_cast<unsigned>(c - '0');
  return value <= 65535 ? BadReason::kNone : BadReason::kHostInvalid;
}

}  // namespace

BadReason check_authority(std::string_view authority) {
  if (authority.find('@') != std::string_view::npos) return BadReason::kUserinfo;
  std::string_view rest;
  if (!authority.empty() && authority.front() == '[') {
    const std::size_t close = authority.find(']');
    if (close == std::string_view::npos || close < 3) return BadReason::kHostInvalid;
    const std::string_view address = authority.substr(1, close - 1);
    if (address.find(':') == std::string_view::npos) return BadReason::kHostInvalid;
    for (const char c : address) {
      if (!chars::is(c, chars::kHex) && c != ':' && c != '.') return BadReason::kHostInvalid;
    }
    rest = authority.substr(close + 1);
    if (!rest.empty() && rest.front() != ':') return BadReason::kHostInvalid;
  } else {
    const std::size_t colon = authority.find(':');
    const std::string_view name = authority.substr(0, colon);
    if (name.empty() || !chars::all(name, chars::kHost)) return BadReason::kHostInvalid;
    rest = authority.substr(name.size());
  }
  return rest.empty() ? BadReason::kNone : check_port(rest.substr(1));
}

BadReason interpret_request(RequestHead* head) {
  Facts facts;
  if (const BadReason reason = gather(head->headers, &facts); reason != BadReason::kNone) return reason;
  if (const BadReason reason = find_authority(facts, head); reason != BadReason::kNone) return reason;
  if (const BadReason reason = frame_request(facts, head); reason != BadReason::kNone) return reason;
  const bool is_1_1 = head->minor_version == 1;
  if (facts.expects_other && is_1_1) return BadReason::kExpectation;
  const bool has_body = head->framing == Framing::kChunked || head->content_length > 0;
  head->keep_alive = is_keep_alive(facts, head->minor_version);
  head->expect_continue = facts.expects_continue && has_body && is_1_1;
  head->upgrade = is_1_1 && !has_body && may_upgrade(facts);
  head->websocket =
      head->upgrade && head->method == Method::kGet && equals_ignoring_case(facts.upgrade, "websocket");
  head->nominates = facts.nominates;
  head->te_trailers = facts.te_trailers;
  return BadReason::kNone;
}

BadReason interpret_response(Method request, ResponseHead* head) {
  Facts facts;
  if (const BadReason reason = gather(head->headers, &facts); reason != BadReason::kNone) return reason;
  if (facts.codings > 0 && head->minor_version == 0) return BadReason::kCodingInHttp10;
  if (facts.codings > 0 && facts.lengths > 0) return BadReason::kCodingWithLength;
  if (facts.lengths_differ) return BadReason::kLengthRepeated;
  head->has_content_length = facts.lengths > 0;
  head->content_length = facts.lengths > 0 ? facts.length : 0;
  if (has_no_body(request, head->status))
    head->framing = Framing::kNone;
  else if (facts.codings > 0)
    head->framing = Framing::kChunked;
  else if (facts.lengths > 0)
    head->framing = Framing::kLength;
  else
    head->framing = Framing::kUntilClose;
  head->keep_alive = head->framing != Framing::kUntilClose && is_keep_alive(facts, head->minor_version);
  head->upgrade = head->status == 101 && head->minor_version == 1 && may_upgrade(facts);
  head->wants_upgrade = head->status == 426 && may_upgrade(facts);
  head->nominates = facts.nominates;
  return BadReason::kNone;
}

}  // namespace sidestep::http
