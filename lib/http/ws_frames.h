// Finds where WebSocket frames begin and end in one direction of a tunnel (RFC 6455 5.2), from their headers
// alone, so that a Close frame can be put in between two of them. Payload is never looked at, unmasked or
// kept.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace sidestep::http {

class WsFrameTracker {
 public:
  // Follows `bytes` and returns how many of them lie before the last boundary in them: a frame of ours may be
  // put in after so many, 0 meaning that none of them ends a frame.
  std::size_t feed(std::string_view bytes);

  // A frame may be put in now, after everything that was fed. True before the first byte.
  bool at_boundary() const { return header_size_ == 0 && payload_left_ == 0 && !is_broken_; }
  // This side has sent a Close frame, wholly: nothing may follow it.
  bool close_seen() const { return is_closed_; }
  // Not WebSocket framing (a length with the top bit set): boundaries are unknown from here on.
  bool is_broken() const { return is_broken_; }

 private:
  std::size_t header_length() const;  // 2 to 14, from the first two bytes
  void end_header();

  unsigned char header_[14] = {};
  std::uint8_t header_size_ = 0;  // bytes of the present header; 0 between frames and within a payload
  std::uint64_t payload_left_ = 0;
  bool is_closing_ = false;  // within a Close frame
  bool is_closed_ = false;
  bool is_broken_ = false;
};

// A Close frame as a server sends it. `reason` is cut at 123 bytes, between characters of UTF-8.
void append_close_frame(std::string& out, std::uint16_t code, std::string_view reason = {});
// The same as a client sends it; `mask` should be random.
void append_masked_close_frame(std::string& out, std::uint16_t code, std::string_view reason,
                               std::uint32_t mask);

// Codes of RFC 6455 7.4.1 and its registry.
inline constexpr std::uint16_t kWsGoingAway = 1001;
inline constexpr std::uint16_t kWsServiceRestart = 1012;

}  // namespace sidestep::http
