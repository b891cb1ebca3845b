// Watches frame heads as they pass (RFC 9113 4.1), for what nghttp2 does not tell: PRIORITY frames and frames
// of unknown type, which it drops without a word, and that a field block drips in. Keeps 13 bytes; decides
// nothing. Pure.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace sidestep::http {

class H2FrameScanner {
 public:
  // `skip`: bytes before the first frame (the client's preface).
  explicit H2FrameScanner(std::size_t skip) : payload_left_(skip) {}

  // Calls visit(type, stream, depends_on) for each PRIORITY and unknown frame that was seen; `depends_on` is
  // the stream that a PRIORITY names, 0 otherwise.
  template <typename Visit>
  void feed(std::string_view bytes, Visit visit) {
    while (!bytes.empty()) {
      if (payload_left_ > 0) {
        const std::size_t skipped = std::min(payload_left_, bytes.size());
        payload_left_ -= skipped;
        bytes.remove_prefix(skipped);
        continue;
      }
      head_[filled_++] = static_cast<std::uint8_t>(bytes.front());
      bytes.remove_prefix(1);
      if (filled_ < needed()) continue;
      const std::uint8_t type = head_[3];
      if (type == kPriority || type > kContinuation) {
        visit(type, number_at(5), type == kPriority && needed() > kHead ? number_at(kHead) : 0);
      }
      if (type == kHeaders || type == kContinuation) block_open_ = (head_[4] & kEndHeaders) == 0;
      last_is_head_ = type == kHeaders || type == kContinuation;
      payload_left_ = payload() - (filled_ - kHead);
      filled_ = 0;
    }
  }

  // A field block has begun and not ended, or nobody knows yet what begins.
  bool is_mid_head() const { return filled_ > 0 || block_open_ || (last_is_head_ && payload_left_ > 0); }

 private:
  static constexpr std::size_t kHead = 9;
  static constexpr std::uint8_t kHeaders = 1;
  static constexpr std::uint8_t kEndHeaders = 4;
  static constexpr std::uint8_t kPriority = 2;
  static constexpr std::uint8_t kContinuation = 9;

  std::size_t payload() const {
    return static_cast<std::size_t>(head_[0]) << 16 | static_cast<std::size_t>(head_[1]) << 8 | head_[2];
  }
  std::size_t needed() const {
    return filled_ >= kHead && head_[3] == kPriority && payload() == 5 ? kHead + 4 : kHead;
  }
  std::uint32_t number_at(std::size_t at) const {
    return (static_cast<std::uint32_t>(head_[at]) << 24 | static_cast<std::uint32_t>(head_[at + 1]) << 16 |
            static_cast<std::uint32_t>(head_[at + 2]) << 8 | head_[at + 3]) &
           0x7fffffffU;
  }

  std::array<std::uint8_t, kHead + 4> head_{};
  std::size_t filled_ = 0;
  std::size_t payload_left_;
  bool block_open_ = false;    // END_HEADERS is still to come
  bool last_is_head_ = false;  // what payload_left_ belongs to
};

}  // namespace sidestep::http
