// How much a shard keeps for others who do not take it, and what follows from that: memory is bounded in all,
// not only per connection.
//
// Bytes that a socket did not take, and beginnings of requests kept for another attempt. Below the bound each
// stream may keep its own limit; beyond it a stream stops reading as soon as anything of it waits, and reads
// in small pieces. Decides only; the connections count what they keep. Threads: its shard's.
#pragma once

#include <algorithm>
#include <cstddef>

#include "sidecar/io/wire.h"

namespace sidestep::sidecar {

class KeptBytes final {
 public:
  KeptBytes(std::size_t most, std::size_t most_per_stream) : most_(most), most_per_stream_(most_per_stream) {}

  // What one of them keeps was `before` when it was counted last.
  void change(std::size_t before, std::size_t after) {
    bytes_ += after - before;  // wraps around and back
    peak_ = std::max(peak_, bytes_);
  }
  std::size_t bytes() const { return bytes_; }
  bool is_short() const { return bytes_ >= most_ || is_short_; }
  // The process has not much memory left, whoever took it.
  void set_short(bool is_short) { is_short_ = is_short; }
  // What a stream may keep in one direction before reading stops.
  std::size_t stream_limit() const { return is_short() ? 0 : most_per_stream_; }
  // How much to read at once, of `wanted`.
  std::size_t read_size(const Wire& wire, std::size_t wanted) const {
    return is_short() ? std::min(wanted, wire.room_to_read(kSmallRead)) : wanted;
  }
  // True once after a time in which much was kept that is gone now: the allocator may give memory back.
  bool has_fallen() {
    if (peak_ < kWorthwhile || bytes_ > peak_ / 4) return false;
    peak_ = bytes_;
    return true;
  }

 private:
  static constexpr std::size_t kSmallRead = 2'048;
  static constexpr std::size_t kWorthwhile = 4 << 20;
  const std::size_t most_;
  const std::size_t most_per_stream_;
  std::size_t bytes_ = 0;
  std::size_t peak_ = 0;
  bool is_short_ = false;
};

}  // namespace sidestep::sidecar
