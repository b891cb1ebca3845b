#include "lib/http/h2_message.h"

#include <charconv>
#include <utility>

#include "lib/http/chars.h"
#include "lib/http/grpc.h"
#include "lib/http/h1_semantics.h"

namespace sidestep::http {
namespace {

std::string_view decimal(std::array<char, 20>& digits, std::uint64_t value) {
  const char* end = std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr;
  return {digits.data(), static_cast<std::size_t>(end - digits.data())};
}

// RFC 9113 8.2.3.
void join_cookies(HeaderStore& headers, std::string& text) {
  Header* first = nullptr;
  bool several = false;
  for (Header& header : headers) {
    if (header.id != HeaderId::kCookie) continue;
    if (first == nullptr) {
      first = &header;
      continue;
    }
    if (!several) text.assign(first->value);
    several = true;
    text.append("; ").append(header.value);
  }
  if (!several) return;
  first->value = text;
  bool kept = false;
  std::erase_if(headers, [&kept](const Header& header) {
    return header.id == HeaderId::kCookie && std::exchange(kept, true);
  });
}

// Two names for one host are refused; one of them is enough.
BadReason settle_authority(const H2Fields& fields) {
  HeaderStore& headers = *fields.headers;
  const Header* host = find_header(headers, HeaderId::kHost);
  if (fields.authority.empty()) return BadReason::kNone;
  if (host == nullptr) {
    headers.emplace_back("host", fields.authority);
    return BadReason::kNone;
  }
  return equals_ignoring_case(host->value, fields.authority) ? BadReason::kNone : BadReason::kHostInvalid;
}

BadReason take_method(const H2Fields& fields, const H1Limits& limits, RequestHead* out) {
  if (fields.method.size() > limits.max_method) return BadReason::kMethodTooLong;
  if (fields.method.empty() || !chars::all(fields.method, chars::kToken)) return BadReason::kMethod;
  out->method_text = fields.method;
  out->method = method_of(fields.method);
  return BadReason::kNone;
}

BadReason take_target(const H2Fields& fields, const H1Limits& limits, RequestHead* out) {
  if (fields.path.size() > limits.max_target) return BadReason::kTargetTooLong;
  if (!chars::all(fields.path, chars::kTarget)) return BadReason::kTargetChar;
  const bool asterisk = fields.path == "*" && out->method == Method::kOptions;
  if (!fields.path.starts_with('/') && !asterisk) return BadReason::kTargetForm;
  out->target = fields.path;
  return BadReason::kNone;
}

// RFC 8441: for an HTTP/1 app this is a GET that asks for the upgrade.
BadReason take_websocket(const H2Fields& fields, bool ends, std::string_view key, RequestHead* out) {
  const bool has_length = find_header(*fields.headers, HeaderId::kContentLength) != nullptr;
  if (!equals_ignoring_case(fields.protocol, "websocket")) return BadReason::kMethodRefused;
  if (ends || has_length) return BadReason::kBodyNotAllowed;
  out->method = Method::kGet;
  out->method_text = "GET";
  fields.headers->emplace_back("Connection", "Upgrade");
  fields.headers->emplace_back("Upgrade", "websocket");
  std::erase_if(*fields.headers,
                [](const Header& header) { return equals_ignoring_case(header.name, "sec-websocket-key"); });
  fields.headers->emplace_back("Sec-WebSocket-Key", key);
  return BadReason::kNone;
}

}  // namespace

BadReason request_of(const H2Fields& fields, bool ends, const H1Limits& limits,
                     std::string_view websocket_key, std::string& text, RequestHead* out) {
  *out = RequestHead();
  if (fields.refused != BadReason::kNone) return fields.refused;
  if (const BadReason reason = take_method(fields, limits, out); reason != BadReason::kNone) return reason;
  if (out->method == Method::kConnect) {
    if (fields.protocol.empty()) return BadReason::kMethodRefused;
    const BadReason reason = take_websocket(fields, ends, websocket_key, out);
    if (reason != BadReason::kNone) return reason;
  } else if (!ends && find_header(*fields.headers, HeaderId::kContentLength) == nullptr) {
    fields.headers->emplace_back("Transfer-Encoding", "chunked");
  }
  if (const BadReason reason = take_target(fields, limits, out); reason != BadReason::kNone) return reason;
  if (fields.scheme != "http" && fields.scheme != "https") return BadReason::kTargetForm;
  if (const BadReason reason = settle_authority(fields); reason != BadReason::kNone) return reason;
  join_cookies(*fields.headers, text);
  out->headers = *fields.headers;
  return interpret_request(out);
}

void append_trailer_lines(std::string& out, const HeaderStore& trailers) {
  for (const Header& field : trailers) {
    out.append(field.name).append(": ", 2).append(field.value).append("\r\n", 2);
  }
}

void list_answer_fields(const ResponseHead& head, const ResponseContext& context, H2AnswerFields& out) {
  out.list.clear();
  for (const Header& header : head.headers) {
    if (!response_field_passes(header, head, context)) continue;
    if (context.upgrade && equals_ignoring_case(header.name, "sec-websocket-accept")) continue;
    out.list.push_back(header);
  }
  const bool tells_length = head.has_content_length && head.status >= 200 && head.status != 204;
  if (head.framing == Framing::kLength || (head.framing == Framing::kNone && tells_length)) {
    out.list.emplace_back("content-length", decimal(out.length, head.content_length));
  }
  if (context.generation) {
    out.list.emplace_back("sidestep-generation", decimal(out.generation, *context.generation));
  }
}

void list_own_answer_fields(std::size_t text_size, int retry_after_seconds, H2AnswerFields& out) {
  out.list.clear();
  out.list.emplace_back("content-type", "text/plain; charset=utf-8");
  out.list.emplace_back("content-length", decimal(out.length, text_size));
  out.list.emplace_back("cache-control", "no-store");
  if (retry_after_seconds > 0) {
    out.list.emplace_back("retry-after",
                          decimal(out.retry_after, static_cast<std::uint64_t>(retry_after_seconds)));
  }
}

void list_own_grpc_fields(int http_status, std::string_view message, H2AnswerFields& out) {
  out.list.clear();
  out.list.emplace_back("content-type", "application/grpc");
  out.list.emplace_back(kGrpcStatus,
                        decimal(out.length, static_cast<unsigned>(grpc_code_of_http(http_status))));
  out.list.emplace_back("grpc-message", message);
}

}  // namespace sidestep::http
