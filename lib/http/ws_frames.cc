#include "lib/http/ws_frames.h"

#include <algorithm>
#include <array>

namespace sidestep::http {
namespace {

constexpr unsigned kOpcodeBits = 0x0f;
constexpr unsigned kOpcodeClose = 8;
constexpr unsigned kMaskBit = 0x80;
constexpr unsigned kLengthBits = 0x7f;
constexpr std::size_t kMaskSize = 4;
constexpr std::size_t kLongestReason = 123;  // a control frame carries 125 bytes, two of them the code

std::size_t extended_length_size(unsigned char second) {
  const unsigned length = second & kLengthBits;
  if (length == 126) return 2;
  return length == 127 ? 8 : 0;
}

std::string_view cut_between_characters(std::string_view text) {
  if (text.size() <= kLongestReason) return text;
  std::size_t size = kLongestReason;
  while (size > 0 && (static_cast<unsigned char>(text[size]) & 0xc0U) == 0x80U) --size;
  return text.substr(0, size);
}

std::string close_payload(std::uint16_t code, std::string_view reason) {
  std::string payload{static_cast<char>(code >> 8), static_cast<char>(code & 0xff)};
  return payload.append(cut_between_characters(reason));
}

}  // namespace

std::size_t WsFrameTracker::header_length() const {
  return 2 + extended_length_size(header_[1]) + ((header_[1] & kMaskBit) != 0 ? kMaskSize : 0);
}

void WsFrameTracker::end_header() {
  const std::size_t extended = extended_length_size(header_[1]);
  payload_left_ = extended == 0 ? header_[1] & kLengthBits : 0;
  for (std::size_t i = 0; i < extended; ++i) payload_left_ = payload_left_ << 8 | header_[2 + i];
  is_broken_ = payload_left_ >> 63 != 0;
  is_closing_ = (header_[0] & kOpcodeBits) == kOpcodeClose;
  header_size_ = 0;
}

std::size_t WsFrameTracker::feed(std::string_view bytes) {
  std::size_t boundary = 0;
  for (std::size_t at = 0; at < bytes.size() && !is_broken_;) {
    if (payload_left_ > 0) {
      const std::uint64_t size = std::min<std::uint64_t>(payload_left_, bytes.size() - at);
      payload_left_ -= size;
      at += static_cast<std::size_t>(size);
    } else {
      header_[header_size_++] = static_cast<unsigned char>(bytes[at++]);
      if (header_size_ < 2 || header_size_ < header_length()) continue;
      end_header();
    }
    if (at_boundary()) {
      boundary = at;
      is_closed_ = is_closed_ || is_closing_;
    }
  }
  return boundary;
}

void append_close_frame(std::string& out, std::uint16_t code, std::string_view reason) {
  const std::string payload = close_payload(code, reason);
  out += static_cast<char>(0x80 | kOpcodeClose);
  out += static_cast<char>(payload.size());
  out += payload;
}

void append_masked_close_frame(std::string& out, std::uint16_t code, std::string_view reason,
                               std::uint32_t mask) {
  const std::string payload = close_payload(code, reason);
  const std::array<char, kMaskSize> key = {
      static_cast<char>(mask >> 24), static_cast<char>(mask >> 16 & 0xff),
      static_cast<char>(mask >> 8 & 0xff), static_cast<char>(mask & 0xff)};
  out += static_cast<char>(0x80 | kOpcodeClose);
  out += static_cast<char>(kMaskBit | payload.size());
  out.append(key.data(), key.size());
  for (std::size_t i = 0; i < payload.size(); ++i) out += static_cast<char>(payload[i] ^ key[i % kMaskSize]);
}

}  // namespace sidestep::http
