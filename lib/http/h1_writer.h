// Appends HTTP/1.1 to a byte buffer: chunk framing, small heads and the answers that the proxy gives by
// itself. What of another's head may pass is forwarding.h. Nothing here checks names and values: they come
// from the parser or are constants.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "lib/base/clock.h"

namespace sidestep::http {

// The standard phrase, for instance "Service Unavailable"; empty for a status without one.
std::string_view reason_phrase(int status);

void append_decimal(std::string& out, std::uint64_t value);
// "HTTP/1.1 503 Service Unavailable\r\n". An empty reason stands for the standard phrase.
void append_status_line(std::string& out, int status, std::string_view reason = {});
void append_header(std::string& out, std::string_view name, std::string_view value);
void append_header(std::string& out, std::string_view name, std::uint64_t value);

// A chunk is: its head, `size` bytes of payload, kChunkEnd. REQUIRES: size > 0, since 0 would end the body.
void append_chunk_head(std::string& out, std::uint64_t size);
inline constexpr std::string_view kChunkEnd = "\r\n";
// Ends a chunked body. `trailers` are whole lines, as append_trailers() of forwarding.h makes them.
void append_last_chunk(std::string& out, std::string_view trailers = {});

struct OwnAnswer {
  int status = 503;
  std::string_view text;   // one sentence for a person; sent as text/plain with a line end
  bool close = true;       // announce the end of the connection
  bool head_only = false;  // the request was HEAD
  bool http10_client = false;
  Seconds retry_after{0};  // 0: no Retry-After
};
// A whole answer of the proxy itself: 400, 408, 413, 414, 417, 431, 501, 502, 503, 504, 505.
void append_own_answer(std::string& out, const OwnAnswer& answer);

inline constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";

}  // namespace sidestep::http
