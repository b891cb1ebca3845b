// Gathers the pieces of one message (head, body slices, chunk heads) and hands them to the kernel with one
// call.
//
// Small pieces are copied into one block, large ones are referred to: they must stay valid until send(). One
// per shard, emptied by each send. Does no waiting: what the socket does not take is appended to the
// connection's Buffer.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "sidecar/io/buffer.h"

namespace sidestep::sidecar {

enum class SendState : std::uint8_t {
  kAll,     // the kernel took everything
  kSome,    // the rest waits in the buffer; ask for writability
  kBroken,  // the other side is gone
};

class OutVec {
 public:
  // Text to append to: heads, chunk heads. Pieces keep their order.
  std::string& text() { return text_; }
  // `bytes` stays valid until send().
  void add(std::string_view bytes);
  bool empty() const { return pieces_.empty() && text_.empty(); }

  // Sends what waits in `rest` first (nothing is sent past it), then the pieces; what is left goes into
  // `rest`. Leaves this empty. `sent` grows by the bytes that the kernel took.
  SendState send(int fd, Buffer& rest, std::uint64_t& sent);
  void clear();
  // Calls `visit` with each piece in order. Leaves this empty.
  template <typename Visit>
  void take(Visit visit) {
    close_text();
    for (const Piece& piece : pieces_) visit(std::string_view(begin_of(piece), piece.size));
    clear();
  }

 private:
  struct Piece {
    const char* data;  // nullptr: `size` bytes of text_ at `offset`
    std::size_t offset;
    std::size_t size;
  };
  const char* begin_of(const Piece& piece) const {
    return piece.data != nullptr ? piece.data : text_.data() + piece.offset;
  }
  void close_text();
  SendState keep(Buffer& rest, std::size_t skip);

  std::string text_;
  std::size_t text_begin_ = 0;  // of the text that belongs to no piece yet
  std::vector<Piece> pieces_;
};

// One write of `bytes`, behind what waits in `rest` already.
SendState send_or_keep(int fd, std::string_view bytes, Buffer& rest, std::uint64_t& sent);
// Sends what waits. kAll when nothing is left.
SendState send_rest(int fd, Buffer& rest, std::uint64_t& sent);

}  // namespace sidestep::sidecar
