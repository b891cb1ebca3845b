#include "sidecar/io/buffer.h"

#include <algorithm>
#include <cstring>
#include <new>

namespace sidestep::sidecar {

void Buffer::append(std::string_view more) {
  if (more.empty()) return;
  if (block_ == nullptr || block_->capacity - block_->end < more.size()) grow(more.size());
  std::memcpy(bytes() + block_->end, more.data(), more.size());
  block_->end += more.size();
}

void Buffer::consume(std::size_t count) {
  if (count == 0) return;
  block_->begin += count;
  if (block_->begin == block_->end) clear();
}

void Buffer::grow(std::size_t needed) {
  const std::size_t used = size();
  if (block_ != nullptr && block_->capacity - used >= needed && block_->begin >= used) {
    std::memmove(bytes(), bytes() + block_->begin, used);  // room enough at the front
    block_->begin = 0;
    block_->end = used;
    return;
  }
  const std::size_t capacity = std::max<std::size_t>(512, std::max(used + needed, 2 * used));
  auto* fresh = static_cast<Block*>(std::malloc(sizeof(Block) + capacity));
  if (fresh == nullptr) throw std::bad_alloc();
  *fresh = {capacity, 0, used};
  if (used > 0) std::memcpy(fresh + 1, bytes() + block_->begin, used);
  std::free(block_);
  block_ = fresh;
}

}  // namespace sidestep::sidecar
