// Stream objects of one shard, made once and used again, so that a request allocates nothing. Threads: its
// shard's.
#pragma once

#include <memory>
#include <vector>

#include "sidecar/io/stream.h"

namespace sidestep::sidecar {

class StreamPool final {
 public:
  explicit StreamPool(Shard& shard) : shard_(shard) {}

  Stream& take();
  // The stream is used again from the next turn on, since callers of this turn may still look at it.
  void give_back(Stream& stream) { resting_.push_back(&stream); }
  void end_turn();

 private:
  static constexpr std::size_t kMostFree = 256;

  Shard& shard_;
  std::vector<std::unique_ptr<Stream>> free_;
  std::vector<Stream*> resting_;
};

}  // namespace sidestep::sidecar
