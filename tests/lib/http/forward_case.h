// The head that crosses the proxy, as text: for cases of the kinds "forward request [trusted] [upgrade] [v6]"
// and "forward response [close] [chunked] [http10] [upgrade] [generation]". Each CR LF of the result is one
// line end.
#pragma once

#include <string>
#include <string_view>

#include "lib/http/forwarding.h"
#include "lib/http/h1_parser.h"
#include "tests/lib/http/case_file.h"

namespace sidestep::http::cases {

inline std::string shown(std::string_view head) {
  std::string out;
  for (std::size_t at = 0; at < head.size();) {
    const std::size_t end = head.find("\r\n", at);
    if (end == std::string_view::npos) return out + "no line end: " + escape(head.substr(at));
    out += escape(head.substr(at, end - at)) + "\n";
    at = end + 2;
  }
  return out;
}

inline std::string forwarded_request(const Case& c) {
  RequestHead head;
  HeaderStore store;
  const HeadResult result = parse_request_head(c.in, H1Limits(), &head, store);
  if (result.state != HeadResult::kDone) return "not parsed: " + std::string(to_string(result.reason)) + "\n";
  const auto has = [&c](std::string_view word) { return c.kind.find(word) != std::string::npos; };
  ForwardContext context{.client_ip = has(" v6") ? "2001:db8::7" : "198.18.0.7", .local_port = 8080};
  context.trusted = has(" trusted");
  context.framing = head.framing;
  context.content_length = head.content_length;
  context.upgrade = head.upgrade && has(" upgrade");
  std::string out;
  append_request_head(out, head, context);
  return shown(out);
}

inline std::string forwarded_response(const Case& c) {
  ResponseHead head;
  HeaderStore store;
  const auto has = [&c](std::string_view word) { return c.kind.find(word) != std::string::npos; };
  const Method method = has(" to-head") ? Method::kHead : Method::kGet;
  const HeadResult result = parse_response_head(c.in, method, H1Limits(), &head, store);
  if (result.state != HeadResult::kDone) return "not parsed: " + std::string(to_string(result.reason)) + "\n";
  ResponseContext context{.close = has(" close"),
                          .chunked = has(" chunked"),
                          .http10_client = has(" http10"),
                          .upgrade = has(" upgrade")};
  if (has(" generation")) context.generation = 7;
  std::string out;
  append_response_head(out, head, context);
  return shown(out);
}

inline std::string forwarded(const Case& c) {
  return c.kind.starts_with("forward request") ? forwarded_request(c) : forwarded_response(c);
}

}  // namespace sidestep::http::cases
