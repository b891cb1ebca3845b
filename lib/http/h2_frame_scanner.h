// Watches frame heads as they pass (RFC 9113 4.1), for what nghttp2 does not tell: frames that it drops
// without a word, and that a field block drips in. Keeps 13 bytes; decides nothing. Pure.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace sidestep::http {

struct H2FrameHead {
  std::uint8_t type = 0;
  std::uint8_t flags = 0;
  std::int32_t stream = 0;
  std::int32_t depends_on = 0;  // what a PRIORITY frame names
};

class H2FrameScanner {
 public:
  // `skip`: bytes before the first frame (the client's preface).
  explicit H2FrameScanner(std::size_t skip) : payload_left_(skip) {}

  // Goes to the end of the next frame head. True: *head is filled, and `taken` bytes were gone through, of
  // which the last `of_head` belong to it. False: all bytes were.
  bool next(std::string_view bytes, H2FrameHead* head, std::size_t* taken, std::size_t* of_head) {
    *taken = std::min(payload_left_, bytes.size());
    payload_left_ -= *taken;
    *of_head = 0;
    while (*taken < bytes.size()) {
      head_[filled_++] = static_cast<std::uint8_t>(bytes[(*taken)++]);
      ++*of_head;
      if (filled_ < needed()) continue;
      *head = {head_[3], head_[4], number_at(5), needed() > kHead ? number_at(kHead) : 0};
      last_is_head_ = head->type == kHeaders || head->type == kContinuation;
      if (last_is_head_) block_open_ = (head->flags & kEndHeaders) == 0;
      payload_left_ = payload() - (filled_ - kHead);
      filled_ = 0;
      return true;
    }
    return false;
  }

  // A field block has begun and not ended, or nobody knows yet what begins.
  bool is_mid_head() const { return filled_ > 0 || block_open_ || (last_is_head_ && payload_left_ > 0); }

  static constexpr std::uint8_t kData = 0, kHeaders = 1, kPriority = 2, kReset = 3, kContinuation = 9;
  static constexpr std::uint8_t kEndStream = 1, kEndHeaders = 4;

 private:
  static constexpr std::size_t kHead = 9;

  std::size_t payload() const {
    return static_cast<std::size_t>(head_[0]) << 16 | static_cast<std::size_t>(head_[1]) << 8 | head_[2];
  }
  std::size_t needed() const {
    return filled_ >= kHead && head_[3] == kPriority && payload() == 5 ? kHead + 4 : kHead;
  }
  std::int32_t number_at(std::size_t at) const {
    return static_cast<std::int32_t>((static_cast<std::uint32_t>(head_[at]) << 24 |
                                      static_cast<std::uint32_t>(head_[at + 1]) << 16 |
                                      static_cast<std::uint32_t>(head_[at + 2]) << 8 | head_[at + 3]) &
                                     0x7fffffffU);
  }

  std::array<std::uint8_t, kHead + 4> head_{};
  std::size_t filled_ = 0;
  std::size_t payload_left_;
  bool block_open_ = false;    // END_HEADERS is still to come
  bool last_is_head_ = false;  // what payload_left_ belongs to
};

}  // namespace sidestep::http
