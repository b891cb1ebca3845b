#include "lib/http/h1_parser.h"

#include "lib/http/chars.h"
#include "lib/http/h1_fields.h"
#include "lib/http/h1_semantics.h"

namespace sidestep::http {
namespace {

constexpr int kBadGateway = 502;

HeadResult line_done(std::size_t consumed) { return {HeadResult::kDone, consumed, BadReason::kNone, 0}; }

// CR LF at `at`.
HeadResult line_end(std::string_view bytes, std::size_t at) {
  if (at == bytes.size()) return need_more();
  if (bytes[at] == '\n') return bad(at, BadReason::kBareLf);
  if (bytes[at] != '\r') return bad(at, BadReason::kVersionSyntax);
  if (at + 1 == bytes.size()) return need_more();
  if (bytes[at + 1] != '\n') return bad(at, BadReason::kBareCr);
  return line_done(at + 2);
}

// "HTTP/1.0" or "HTTP/1.1" at `at`, fixed in length.
HeadResult parse_version(std::string_view bytes, std::size_t at, int* minor) {
  constexpr std::string_view pattern = "HTTP/#.#";
  const std::string_view text = bytes.substr(at, pattern.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool fits = pattern[i] == '#' ? chars::is(text[i], chars::kDigit) : text[i] == pattern[i];
    if (!fits) return bad(at + i, text[i] == '\n' ? BadReason::kBareLf : BadReason::kVersionSyntax);
  }
  if (text.size() < pattern.size()) return need_more();
  if (text[5] != '1' || text[7] > '1') return bad(at + 5, BadReason::kVersion);
  *minor = text[7] - '0';
  return line_done(at + pattern.size());
}

HeadResult parse_method(std::string_view bytes, std::size_t at, const H1Limits& limits, RequestHead* out) {
  const char* const begin = bytes.data() + at;
  const char* const end = bytes.data() + bytes.size();
  const char* const stop = chars::skip(begin, end, chars::kToken);
  const auto size = static_cast<std::size_t>(stop - begin);
  if (size > limits.max_method) return bad(at, BadReason::kMethodTooLong);
  if (stop == end) return need_more();
  if (size == 0 || *stop != ' ')
    return bad(at + size, *stop == '\n' ? BadReason::kBareLf : BadReason::kMethod);
  out->method_text = {begin, size};
  out->method = method_of(out->method_text);
  if (out->method == Method::kConnect) return bad(at, BadReason::kMethodRefused);
  return line_done(at + size + 1);
}

// "http://authority/path?query" → authority and what the app gets (RFC 9112 3.2.2).
BadReason split_absolute(std::string_view text, std::size_t scheme, RequestHead* out) {
  const std::string_view rest = text.substr(scheme);
  const std::size_t slash = rest.find_first_of("/?");
  out->authority = rest.substr(0, slash);
  if (slash != std::string_view::npos)
    out->target = rest.substr(slash);
  else
    out->target = out->method == Method::kOptions ? "*" : "/";
  return check_authority(out->authority);
}

BadReason check_target(std::string_view text, RequestHead* out) {
  out->authority = {};
  out->target = text;
  if (text.front() == '/') return BadReason::kNone;
  if (text == "*") return out->method == Method::kOptions ? BadReason::kNone : BadReason::kTargetForm;
  for (const std::string_view scheme : {std::string_view("http://"), std::string_view("https://")}) {
    if (equals_ignoring_case(text.substr(0, scheme.size()), scheme)) {
      return split_absolute(text, scheme.size(), out);
    }
  }
  return BadReason::kTargetForm;
}

HeadResult parse_target(std::string_view bytes, std::size_t at, const H1Limits& limits, RequestHead* out) {
  const char* const begin = bytes.data() + at;
  const char* const end = bytes.data() + bytes.size();
  const char* const stop = chars::skip(begin, end, chars::kTarget);
  const auto size = static_cast<std::size_t>(stop - begin);
  if (size > limits.max_target) return bad(at, BadReason::kTargetTooLong);
  if (stop == end) return need_more();
  if (size == 0 || *stop != ' ')
    return bad(at + size, *stop == '\n' ? BadReason::kBareLf : BadReason::kTargetChar);
  if (const BadReason reason = check_target({begin, size}, out); reason != BadReason::kNone)
    return bad(at, reason);
  return line_done(at + size + 1);
}

HeadResult parse_request_line(std::string_view bytes, const H1Limits& limits, RequestHead* out) {
  std::size_t at = 0;
  if (bytes.starts_with('\r')) {
    if (bytes.size() == 1) return need_more();
    if (bytes[1] != '\n') return bad(0, BadReason::kBareCr);
    at = 2;
  }
  HeadResult step = parse_method(bytes, at, limits, out);
  if (step.state == HeadResult::kDone) step = parse_target(bytes, step.consumed, limits, out);
  if (step.state == HeadResult::kDone) step = parse_version(bytes, step.consumed, &out->minor_version);
  if (step.state == HeadResult::kDone) step = line_end(bytes, step.consumed);
  return step;
}

// After the version: SP, three digits, and an optional SP and reason.
HeadResult parse_status(std::string_view bytes, std::size_t at, ResponseHead* out) {
  if (at == bytes.size()) return need_more();
  if (bytes[at] != ' ') return bad(at, BadReason::kStatusLine);
  const std::string_view code = bytes.substr(at + 1, 3);
  if (!chars::all(code, chars::kDigit)) return bad(at + 1, BadReason::kStatusCode);
  if (code.starts_with('0')) return bad(at + 1, BadReason::kStatusCode);
  if (code.size() < 3 || at + 4 == bytes.size()) return need_more();
  out->status = (code[0] - '0') * 100 + (code[1] - '0') * 10 + (code[2] - '0');
  const char after = bytes[at + 4];
  if (after != ' ' && after != '\r')
    return bad(at + 4, after == '\n' ? BadReason::kBareLf : BadReason::kStatusLine);
  const char* const begin = bytes.data() + at + (after == ' ' ? 5 : 4);
  const char* const end = bytes.data() + bytes.size();
  const char* const stop = chars::find_control(begin, end);
  if (stop == end) return need_more();
  out->reason = {begin, static_cast<std::size_t>(stop - begin)};
  const auto stop_at = static_cast<std::size_t>(stop - bytes.data());
  if (*stop != '\r' && *stop != '\n') return bad(stop_at, BadReason::kControlChar);
  return line_end(bytes, stop_at);
}

HeadResult parse_status_line(std::string_view bytes, ResponseHead* out) {
  HeadResult step = parse_version(bytes, 0, &out->minor_version);
  if (step.state == HeadResult::kDone) step = parse_status(bytes, step.consumed, out);
  return step;
}

// A head that has not ended within its bound is refused, however it was cut.
HeadResult bounded(HeadResult result, std::size_t size, const H1Limits& limits) {
  if (result.state == HeadResult::kNeedMore && size >= limits.max_head_bytes) {
    return bad(limits.max_head_bytes, BadReason::kHeadTooLarge);
  }
  return result;
}

}  // namespace

HeadResult parse_request_head(std::string_view bytes, const H1Limits& limits, RequestHead* out,
                              HeaderStore& store) {
  const std::string_view head = bytes.substr(0, limits.max_head_bytes);
  *out = RequestHead();
  store.clear();
  HeadResult result = parse_request_line(head, limits, out);
  if (result.state == HeadResult::kDone)
    result = parse_fields(head, result.consumed, limits.max_headers, store);
  if (result.state != HeadResult::kDone) return bounded(result, bytes.size(), limits);
  out->headers = store;
  if (const BadReason reason = interpret_request(out); reason != BadReason::kNone) {
    return bad(result.consumed, reason);
  }
  return result;
}

HeadResult parse_response_head(std::string_view bytes, Method request, const H1Limits& limits,
                               ResponseHead* out, HeaderStore& store) {
  const std::string_view head = bytes.substr(0, limits.max_head_bytes);
  *out = ResponseHead();
  store.clear();
  HeadResult result = parse_status_line(head, out);
  if (result.state == HeadResult::kDone)
    result = parse_fields(head, result.consumed, limits.max_headers, store);
  if (result.state == HeadResult::kDone) {
    out->headers = store;
    const BadReason reason = interpret_response(request, out);
    if (reason != BadReason::kNone) result = bad(result.consumed, reason);
  } else {
    result = bounded(result, bytes.size(), limits);
  }
  if (result.state == HeadResult::kBad) result.status = kBadGateway;
  return result;
}

}  // namespace sidestep::http
