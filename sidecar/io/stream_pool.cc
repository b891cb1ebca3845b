#include "sidecar/io/stream_pool.h"

namespace sidestep::sidecar {

Stream& StreamPool::take() {
  if (free_.empty()) return *std::make_unique<Stream>(shard_).release();
  Stream* stream = free_.back().release();
  free_.pop_back();
  return *stream;
}

void StreamPool::end_turn() {
  for (Stream* stream : resting_) {
    std::unique_ptr<Stream> owned(stream);
    owned->reset();
    if (free_.size() < kMostFree) free_.push_back(std::move(owned));
  }
  resting_.clear();
}

}  // namespace sidestep::sidecar
