#include "lib/http/event_stream.h"

namespace sidestep::http {

bool is_event_stream(std::span<const Header> headers) {
  constexpr std::string_view kType = "text/event-stream";
  const Header* type = find_header(headers, "content-type");
  if (type == nullptr || !equals_ignoring_case(type->value.substr(0, kType.size()), kType)) return false;
  const std::string_view rest = type->value.substr(kType.size());
  return rest.empty() || rest.front() == ';' || rest.front() == ' ';
}

bool is_identity_coded(std::span<const Header> headers) {
  const Header* coding = find_header(headers, "content-encoding");
  return coding == nullptr || equals_ignoring_case(coding->value, "identity");
}

std::size_t EventTracker::feed(std::string_view bytes) {
  std::size_t boundary = 0;
  for (std::size_t at = 0; at < bytes.size(); ++at) {
    const char c = bytes[at];
    const bool is_second_half = c == '\n' && after_cr_;  // of a line's end
    after_cr_ = c == '\r';
    if (!is_second_half) {
      const bool is_end = c == '\n' || c == '\r';
      at_boundary_ = is_end && is_line_empty_;
      is_line_empty_ = is_end;
    }
    if (at_boundary_) boundary = at + 1;
  }
  return boundary;
}

}  // namespace sidestep::http
