// What a proxy has to know of server-sent events (text/event-stream, the HTML standard 9.2): which answers
// they are, and where an event ends, so that a stream can be ended between two of them. Data is never looked
// at. Pure.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

#include "lib/http/message.h"

namespace sidestep::http {

// By Content-Type, with any parameters.
bool is_event_stream(std::span<const Header> headers);
// Its bytes are those of the events: not compressed.
bool is_identity_coded(std::span<const Header> headers);

// A comment, which clients pass over, as an event of its own.
inline constexpr std::string_view kEventStreamEnd = ": the app is being replaced\n\n";

// Follows the lines of one stream: an event ends with an empty line. Lines end with CR, LF or both.
class EventTracker {
 public:
  // Returns how many of the bytes lie before the last end of an event in them.
  std::size_t feed(std::string_view bytes);
  // Everything that was fed is whole events. True before the first byte.
  bool at_boundary() const { return at_boundary_; }

 private:
  bool at_boundary_ = true;
  bool is_line_empty_ = true;
  bool after_cr_ = false;
};

}  // namespace sidestep::http
