// Streams that wait because no generation can take them: bounded in number, in bytes and in time.
//
// Holds plain pointers; streams leave by themselves when they end. Counts streams that wait in a pool too
// (`count_in`/`count_out`), since a stream that waits for an app that refuses connections is held as well.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "sidecar/io/intrusive_list.h"
#include "sidecar/io/stream.h"

namespace sidestep::sidecar {

class HoldQueue final {
 public:
  HoldQueue(std::size_t max_streams, std::size_t max_bytes)
      : max_streams_(max_streams), max_bytes_(max_bytes) {}

  bool has_room() const { return held_ < max_streams_ && bytes_ <= max_bytes_; }
  // Of all held streams, in the queue or in a pool. Counted when the stream is marked as held.
  void count_in() { ++held_; }
  void count_out() { --held_; }
  std::size_t held() const { return held_; }
  std::size_t bytes() const { return bytes_; }
  std::size_t max_bytes() const { return max_bytes_; }

  IntrusiveList<Stream>& queue() { return queue_; }
  // Sums what the queue's streams keep in memory and in kernel queues, plus `elsewhere`.
  void measure(std::size_t elsewhere);
  // A stream with so many bytes has left since.
  void left(std::size_t bytes) { bytes_ -= std::min(bytes, bytes_); }

 private:
  const std::size_t max_streams_;
  const std::size_t max_bytes_;
  IntrusiveList<Stream> queue_;
  std::size_t held_ = 0;
  std::size_t bytes_ = 0;
};

}  // namespace sidestep::sidecar
