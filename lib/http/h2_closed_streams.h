// Remembers which streams of a peer have ended lately, and by whom: a frame on a stream that the peer has
// ended itself is its mistake (RFC 9113 5.1, "closed"), one on a stream that we have reset may have been
// under way. Pure.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>

namespace sidestep::http {

class H2ClosedStreams {
 public:
  enum class Fate : std::uint8_t { kFinished, kResetByUs, kForgotten, kNeverOpened };

  void finished(std::int32_t id) {
    if (!was_reset(id)) finished_[finished_count_++ % finished_.size()] = id;
  }
  void reset_by_us(std::int32_t id) {
    if (reset_ == nullptr) reset_ = std::make_unique<std::array<std::int32_t, kResets>>();
    (*reset_)[reset_count_++ % kResets] = id;
  }
  // REQUIRES: the stream is not open, and not above all that were.
  Fate fate_of(std::int32_t id) const {
    if (std::find(finished_.begin(), finished_.end(), id) != finished_.end()) return Fate::kFinished;
    if (was_reset(id)) return Fate::kResetByUs;
    const bool forgets = finished_count_ > finished_.size() || reset_count_ > kResets;
    return forgets ? Fate::kForgotten : Fate::kNeverOpened;
  }

 private:
  static constexpr std::size_t kResets = 256;

  bool was_reset(std::int32_t id) const {
    return reset_ != nullptr && std::find(reset_->begin(), reset_->end(), id) != reset_->end();
  }

  std::array<std::int32_t, 32> finished_{};
  std::unique_ptr<std::array<std::int32_t, kResets>> reset_;  // most connections have none
  std::size_t finished_count_ = 0;
  std::size_t reset_count_ = 0;
};

}  // namespace sidestep::http
