#include "sidecar/io/hold_queue.h"

namespace sidestep::sidecar {

void HoldQueue::measure(std::size_t elsewhere) {
  bytes_ = elsewhere;
  for (Stream* stream = queue_.front(); stream != nullptr; stream = IntrusiveList<Stream>::next(*stream)) {
    bytes_ += stream->waiting_bytes();
  }
}

}  // namespace sidestep::sidecar
