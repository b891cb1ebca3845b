// What crosses the proxy, in one table: which fields pass, which are removed, which are set anew (RFC
// 9110 7.6).
//
// Framing is rewritten, never copied. Fields that Connection names are removed, but never Host or a framing
// field. X-Forwarded-* and Forwarded are removed and set anew, unless their source is trusted; then they are
// added to. Names that an app could take for one of these ("X_Forwarded_For") are removed. Via is not added.
// Pure: appends bytes, keeps nothing. Trusts heads to come from the parser.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "lib/http/h1_limits.h"
#include "lib/http/message.h"

namespace sidestep::http {

struct ForwardContext {
  std::string_view client_ip;  // as text, IPv6 without brackets, or "unknown"
  std::string_view scheme = "http";
  std::string_view local_host = "localhost";  // Host for a request of HTTP/1.0 that has none
  std::uint16_t local_port = 0;               // of the listener; 0: it has none
  bool trusted = false;                       // the client may say whom it speaks for
  Framing framing = Framing::kNone;           // how the body is sent to the app: kNone, kLength or kChunked
  std::uint64_t content_length = 0;
  bool upgrade = false;  // pass the Upgrade; REQUIRES: head.upgrade
  // Of a client that has shown a certificate: X-Forwarded-Client-Cert, in Envoy's format. Copies of others
  // never pass, not even a trusted source's.
  std::string_view client_certificate{};
};
// The whole head for the app, in HTTP/1.1, with the empty line.
void append_request_head(std::string& out, const RequestHead& head, const ForwardContext& context);

// The same for HTTP/2 (RFC 9113 8.3): one "name: value" line per field, pseudo-header fields first, names in
// lower case. A WebSocket becomes an extended CONNECT (RFC 8441); its Sec-WebSocket-Key is left for whoever
// answers the client. Any other Upgrade is left out.
void append_h2_request_head(std::string& out, const RequestHead& head, const ForwardContext& context);

struct ResponseContext {
  bool close = false;    // announce that this connection ends after this answer
  bool chunked = false;  // the body goes out in chunks; never to a client of HTTP/1.0
  bool http10_client = false;
  bool upgrade = false;                       // 101: the tunnel that was asked for begins
  std::optional<std::uint64_t> generation{};  // Sidestep-Generation, where the policy exposes it
};
// The whole head for the client, with the empty line. An answer without length that is not chunked needs
// `close`.
void append_response_head(std::string& out, const ResponseHead& head, const ResponseContext& context);

// Whether a field of the head passes; framing, generation and connection fields are written anew.
bool response_field_passes(const Header& header, const ResponseHead& head, const ResponseContext& context);

// Into `store`: the trailers that may pass. `lines` come from BodyStep::trailers.
void select_trailers(HeaderStore& store, std::string_view lines, std::span<const Header> head_fields,
                     const H1Limits& limits);

// The trailers that may pass, as lines for append_last_chunk(): no framing, routing or connection fields, and
// none that the head's Connection names. `lines` come from BodyStep::trailers.
void append_trailers(std::string& out, std::string_view lines, std::span<const Header> head_fields,
                     const H1Limits& limits, HeaderStore& store);

}  // namespace sidestep::http
