// Bytes that wait: what a socket did not take yet, or a head that is not whole yet. One pointer when empty,
// so that an idle connection carries no buffer; the block is freed as soon as it is empty again.
//
// Owns its block. One thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>
#include <utility>

namespace sidestep::sidecar {

class Buffer {
 public:
  Buffer() = default;
  Buffer(Buffer&& other) noexcept : block_(std::exchange(other.block_, nullptr)) {}
  Buffer& operator=(Buffer&& other) noexcept {
    std::swap(block_, other.block_);
    return *this;
  }
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;
  ~Buffer() { std::free(block_); }

  bool empty() const { return block_ == nullptr; }
  std::size_t size() const { return block_ == nullptr ? 0 : block_->end - block_->begin; }
  // Valid until the next append, consume or clear.
  std::string_view view() const {
    return block_ == nullptr ? std::string_view() : std::string_view(bytes() + block_->begin, size());
  }

  void append(std::string_view more);
  // REQUIRES: count <= size().
  void consume(std::size_t count);
  void clear() {
    std::free(block_);
    block_ = nullptr;
  }

 private:
  struct Block {
    std::size_t capacity, begin, end;
  };
  char* bytes() const { return reinterpret_cast<char*>(block_ + 1); }
  void grow(std::size_t needed);

  Block* block_ = nullptr;
};

}  // namespace sidestep::sidecar
