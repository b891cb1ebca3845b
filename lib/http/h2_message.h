// What field blocks of an HTTP/2 client mean (RFC 9113 8.3, RFC 8441) and how answers are said to it:
// H2Fields ↔ the heads that the rest of the proxy knows. Requests are judged by the same rules as those of
// HTTP/1 (h1_semantics).
//
// Pure. What may pass at all is forwarding.h; what is no HTTP/2 at all has been refused by the session.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "lib/http/bad_reason.h"
#include "lib/http/forwarding.h"
#include "lib/http/h1_limits.h"
#include "lib/http/h2_session.h"
#include "lib/http/message.h"

namespace sidestep::http {

// kNone: *out is filled, with views into `fields` (whose list may be changed) and `text`. Cookies are joined,
// Host is :authority, which a Host beside it must equal. A WebSocket becomes a GET with Upgrade and the
// `websocket_key`. A body without a length is chunked.
BadReason request_of(const H2Fields& fields, bool ends, const H1Limits& limits,
                     std::string_view websocket_key, std::string& text, RequestHead* out);

// The trailers of a request as lines, as BodyStep has them.
void append_trailer_lines(std::string& out, const HeaderStore& trailers);

// The fields of an answer; views into the head and into this.
struct H2AnswerFields {
  HeaderStore list;
  std::array<char, 20> length{}, generation{}, retry_after{};
};
// `context.upgrade`: the answer begins a WebSocket; it has status 200 then.
void list_answer_fields(const ResponseHead& head, const ResponseContext& context, H2AnswerFields& out);
// Of an answer of the proxy itself with that many bytes of plain text.
void list_own_answer_fields(std::size_t text_size, int retry_after_seconds, H2AnswerFields& out);
// The same for a gRPC call: an answer with status 200 and without a body (PROTOCOL-HTTP2.md, Trailers-Only).
void list_own_grpc_fields(int http_status, std::string_view message, H2AnswerFields& out);

}  // namespace sidestep::http
