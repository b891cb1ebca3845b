#include "lib/http/forwarding.h"

#include <algorithm>

#include "lib/http/h1_fields.h"
#include "lib/http/h1_writer.h"

namespace sidestep::http {
namespace {

// What happens to a field of a request and of a response.
enum class Rule : std::uint8_t {
  kPass,
  kDrop,    // belongs to one connection, or is written anew
  kSource,  // who the client is: passes from a trusted source only
};

constexpr Rule request_rule(HeaderId id) {
  switch (id) {
    case HeaderId::kOther:
    case HeaderId::kCookie:
    case HeaderId::kTrailer:
    case HeaderId::kSidestepGeneration:
      return Rule::kPass;
    case HeaderId::kXForwardedOther:
    case HeaderId::kXRealIp:
      return Rule::kSource;
    case HeaderId::kForwarded:  // this and the five after it: joined or set by append_source()
    case HeaderId::kXForwardedClientCert:
    case HeaderId::kXForwardedFor:
    case HeaderId::kXForwardedHost:
    case HeaderId::kXForwardedPort:
    case HeaderId::kXForwardedProto:
    case HeaderId::kConnection:
    case HeaderId::kContentLength:
    case HeaderId::kExpect:
    case HeaderId::kHost:
    case HeaderId::kHttp2Settings:
    case HeaderId::kKeepAlive:
    case HeaderId::kProxyConnection:
    case HeaderId::kTe:
    case HeaderId::kTransferEncoding:
    case HeaderId::kUpgrade:
      break;
  }
  return Rule::kDrop;
}

constexpr bool passes_in_response(HeaderId id) {
  switch (id) {
    case HeaderId::kConnection:
    case HeaderId::kContentLength:
    case HeaderId::kHttp2Settings:
    case HeaderId::kKeepAlive:
    case HeaderId::kProxyConnection:
    case HeaderId::kTe:
    case HeaderId::kTransferEncoding:
    case HeaderId::kUpgrade:
      return false;
    case HeaderId::kOther:
    case HeaderId::kCookie:
    case HeaderId::kExpect:
    case HeaderId::kForwarded:
    case HeaderId::kHost:
    case HeaderId::kSidestepGeneration:
    case HeaderId::kTrailer:
    case HeaderId::kXRealIp:
    case HeaderId::kXForwardedClientCert:
    case HeaderId::kXForwardedFor:
    case HeaderId::kXForwardedHost:
    case HeaderId::kXForwardedPort:
    case HeaderId::kXForwardedProto:
    case HeaderId::kXForwardedOther:
      return true;
  }
  return false;
}

// CGI and its heirs (WSGI, Rack, PHP) cannot tell "X_Forwarded_For" from "X-Forwarded-For".
bool looks_like_ours(std::string_view name) {
  constexpr std::size_t kLongest = 64;
  if (name.size() > kLongest || name.find('_') == std::string_view::npos) return false;
  std::string dashed(name);
  std::replace(dashed.begin(), dashed.end(), '_', '-');
  const HeaderId id = header_id_of(dashed);
  return id != HeaderId::kOther && id != HeaderId::kCookie;
}

bool is_nominated(std::span<const Header> headers, std::string_view name) {
  bool found = false;
  for (const Header& header : headers) {
    if (header.id != HeaderId::kConnection) continue;
    for_each_element(header.value,
                     [&](std::string_view element) { found = found || equals_ignoring_case(element, name); });
  }
  return found;
}

void append_line(std::string& out, const Header& header) {
  out.append(header.name).append(": ", 2).append(header.value).append("\r\n", 2);
}

// The values of all fields of that kind, as one list.
bool append_joined(std::string& out, std::span<const Header> headers, HeaderId id) {
  bool any = false;
  for (const Header& header : headers) {
    if (header.id != id || header.value.empty()) continue;
    if (any) out += ", ";
    out += header.value;
    any = true;
  }
  return any;
}

// RFC 7239: an IPv6 address and a host with a port stand in quotes.
void append_forwarded_element(std::string& out, const RequestHead& head, const ForwardContext& context) {
  const bool is_v6 = context.client_ip.find(':') != std::string_view::npos;
  out += is_v6 ? "for=\"[" : "for=";
  out += context.client_ip;
  if (is_v6) out += "]\"";
  if (!head.authority.empty()) out.append(";host=\"").append(head.authority).append("\"");
  out.append(";proto=").append(context.scheme);
}

// One value: the trusted client's, or ours.
bool append_given(std::string& out, const RequestHead& head, const ForwardContext& context, HeaderId id) {
  if (!context.trusted) return false;
  const Header* given = find_header(head.headers, id);
  if (given != nullptr) append_line(out, *given);
  return given != nullptr;
}

void append_source(std::string& out, const RequestHead& head, const ForwardContext& context) {
  out += "X-Forwarded-For: ";
  if (context.trusted && append_joined(out, head.headers, HeaderId::kXForwardedFor)) out += ", ";
  out.append(context.client_ip).append("\r\n");
  if (!append_given(out, head, context, HeaderId::kXForwardedProto)) {
    append_header(out, "X-Forwarded-Proto", context.scheme);
  }
  if (!append_given(out, head, context, HeaderId::kXForwardedHost) && !head.authority.empty()) {
    append_header(out, "X-Forwarded-Host", head.authority);
  }
  if (!append_given(out, head, context, HeaderId::kXForwardedPort) && context.local_port != 0) {
    append_header(out, "X-Forwarded-Port", std::uint64_t{context.local_port});
  }
  if (!context.client_certificate.empty()) {
    append_header(out, "X-Forwarded-Client-Cert", context.client_certificate);
  }
  out += "Forwarded: ";
  if (context.trusted && append_joined(out, head.headers, HeaderId::kForwarded)) out += ", ";
  append_forwarded_element(out, head, context);
  out += "\r\n";
}

void append_framing(std::string& out, Framing framing, std::uint64_t length) {
  if (framing == Framing::kLength) append_header(out, "Content-Length", length);
  if (framing == Framing::kChunked) out += "Transfer-Encoding: chunked\r\n";
}

void append_upgrade(std::string& out, std::span<const Header> headers, bool close = false) {
  const Header* upgrade = find_header(headers, HeaderId::kUpgrade);
  if (upgrade == nullptr) return;
  out += close ? "Connection: Upgrade, close\r\n" : "Connection: Upgrade\r\n";
  append_header(out, "Upgrade", upgrade->value);
}

// HTTP/2 has no upper case in names.
void lower_names(std::string& lines, std::size_t from) {
  for (std::size_t at = from; at < lines.size();) {
    for (; lines[at] != ':'; ++at) {
      if (lines[at] >= 'A' && lines[at] <= 'Z') lines[at] = static_cast<char>(lines[at] | 0x20);
    }
    at = lines.find('\n', at) + 1;
  }
}

bool request_field_passes(const Header& header, const RequestHead& head, const ForwardContext& context) {
  const Rule rule = request_rule(header.id);
  if (rule == Rule::kDrop || (rule == Rule::kSource && !context.trusted)) return false;
  if (header.id == HeaderId::kTrailer && context.framing != Framing::kChunked) return false;
  if (header.id == HeaderId::kOther && looks_like_ours(header.name)) return false;
  return !head.nominates || !is_nominated(head.headers, header.name);
}

}  // namespace

void append_request_head(std::string& out, const RequestHead& head, const ForwardContext& context) {
  out.append(head.method_text).append(" ");
  if (head.target.starts_with('?')) out += '/';
  out.append(head.target).append(" HTTP/1.1\r\n");
  append_header(out, "Host", head.authority.empty() ? context.local_host : head.authority);
  for (const Header& header : head.headers) {
    if (request_field_passes(header, head, context)) append_line(out, header);
  }
  append_source(out, head, context);
  append_framing(out, context.framing, context.content_length);
  if (head.expect_continue) out += "Expect: 100-continue\r\n";
  if (context.upgrade)
    append_upgrade(out, head.headers);
  else if (head.te_trailers)
    out += "TE: trailers\r\nConnection: TE\r\n";
  out += "\r\n";
}

void append_h2_request_head(std::string& out, const RequestHead& head, const ForwardContext& context) {
  const bool websocket = context.upgrade && head.websocket;
  append_header(out, ":method", websocket ? "CONNECT" : head.method_text);
  if (websocket) append_header(out, ":protocol", "websocket");
  append_header(out, ":scheme", "http");  // of the connection; the client's is in X-Forwarded-Proto
  append_header(out, ":authority", head.authority.empty() ? context.local_host : head.authority);
  out += head.target.starts_with('?') ? ":path: /" : ":path: ";
  out.append(head.target).append("\r\n");
  const std::size_t fields = out.size();
  for (const Header& header : head.headers) {
    if (request_field_passes(header, head, context)) append_line(out, header);
  }
  append_source(out, head, context);
  if (context.framing == Framing::kLength) append_framing(out, context.framing, context.content_length);
  if (head.expect_continue) out += "expect: 100-continue\r\n";
  if (head.te_trailers) out += "te: trailers\r\n";
  lower_names(out, fields);
}

namespace {

void append_response_framing(std::string& out, const ResponseHead& head, const ResponseContext& context) {
  if (context.chunked) {
    append_framing(out, Framing::kChunked, 0);
    return;
  }
  // HEAD and 304 tell the length that GET would have; 1xx and 204 have none.
  const bool tells_length = head.has_content_length && head.status >= 200 && head.status != 204;
  if (head.framing == Framing::kLength || (head.framing == Framing::kNone && tells_length)) {
    append_framing(out, Framing::kLength, head.content_length);
  }
}

void append_response_connection(std::string& out, const ResponseHead& head, const ResponseContext& context) {
  if (context.upgrade)
    append_upgrade(out, head.headers);
  else if (head.wants_upgrade)
    append_upgrade(out, head.headers, context.close);
  else if (is_interim(head.status))
    return;
  else if (context.close)
    out += "Connection: close\r\n";
  else if (context.http10_client)
    out += "Connection: keep-alive\r\n";
}

}  // namespace

bool response_field_passes(const Header& header, const ResponseHead& head, const ResponseContext& context) {
  if (!passes_in_response(header.id)) return false;
  if (header.id == HeaderId::kTrailer && !context.chunked) return false;
  if (header.id == HeaderId::kSidestepGeneration && context.generation) return false;
  return !head.nominates || !is_nominated(head.headers, header.name);
}

void append_response_head(std::string& out, const ResponseHead& head, const ResponseContext& context) {
  append_status_line(out, head.status, head.reason);
  for (const Header& header : head.headers) {
    if (response_field_passes(header, head, context)) append_line(out, header);
  }
  append_response_framing(out, head, context);
  if (context.generation) append_header(out, "Sidestep-Generation", *context.generation);
  append_response_connection(out, head, context);
  out += "\r\n";
}

void select_trailers(HeaderStore& store, std::string_view lines, std::span<const Header> head_fields,
                     const H1Limits& limits) {
  store.clear();
  if (lines.empty()) return;
  // The lines were checked; without the empty line the parser stops at "need more" with all of them stored.
  parse_fields(lines, 0, limits.max_headers, store);
  std::erase_if(store, [&](const Header& field) {
    return field.id != HeaderId::kOther || looks_like_ours(field.name) ||
           is_nominated(head_fields, field.name);
  });
}

void append_trailers(std::string& out, std::string_view lines, std::span<const Header> head_fields,
                     const H1Limits& limits, HeaderStore& store) {
  select_trailers(store, lines, head_fields, limits);
  for (const Header& field : store) append_line(out, field);
}

}  // namespace sidestep::http
