// Moves bytes from one plain socket to another without copying them through this process: splice(2) by way of
// a pipe, which is empty before and after each move.
//
// Pays for large bodies alone. Does not know what the bytes mean, nor whether they may pass: the caller says
// how many. One per shard, made at the first use; where the system has no pipe for us, nothing is ever
// spliced. Threads: its shard's, which has SIGPIPE blocked (splice knows no MSG_NOSIGNAL).
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>

#include "lib/loop/socket.h"
#include "sidecar/io/buffer.h"
#include "sidecar/io/out_vec.h"

namespace sidestep::sidecar {

class SplicePipe final {
 public:
  // Makes the pipe, once. False: there is none; read and send as ever.
  bool open();
  // Takes up to `most` bytes off the socket: how many, 0 at its end, or -1 with errno, EAGAIN when nothing waits. Where
  // the system refuses splice itself, open() is false from then on.
  // REQUIRES: open(), and that the pipe is empty.
  ssize_t fill(int socket, std::size_t most);
  // Empties the pipe: to the socket, and what that does not take behind `rest`. `sent` grows by what it took;
  // `scratch` has room for `size` bytes. kBroken: the socket is, and what was in the pipe is gone.
  SendState drain(int socket, Buffer& rest, std::uint64_t& sent, char* scratch, std::size_t size);

 private:
  void keep(Buffer& rest, char* scratch, std::size_t size);

  enum class State : std::uint8_t { kNone, kOpen, kUnavailable };
  UniqueFd out_;  // to be read from
  UniqueFd in_;
  std::size_t bytes_ = 0;
  State state_ = State::kNone;
};

}  // namespace sidestep::sidecar
