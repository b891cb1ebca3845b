// One connection's transport: the descriptor, and the bytes that the kernel did not take yet.
//
// ClientH1 and AppConn own one and never touch the descriptor but to register it with the loop. Bytes leave
// in the order of the calls; what waits is sent first. Waits for nothing, decides nothing about the
// connection's life, knows no protocol above it. Threads: its shard's.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <utility>

#include "lib/loop/socket.h"
#include "sidecar/io/buffer.h"
#include "sidecar/io/out_vec.h"

namespace sidestep::sidecar {

class Wire {
 public:
  Wire() = default;
  explicit Wire(UniqueFd fd) : fd_(std::move(fd)) {}

  int fd() const { return fd_.get(); }
  bool is_open() const { return static_cast<bool>(fd_); }

  // As ::recv: 0 is the end of what the other side sends, -1 with EAGAIN nothing now (the loop reports more).
  ssize_t recv(char* into, std::size_t size);

  // Empties `pieces`. What the kernel does not take is kept: kSome, ask for writability and call send_rest().
  // `sent` grows by the bytes that the kernel took.
  SendState send(OutVec& pieces, std::uint64_t& sent) { return pieces.send(fd_.get(), rest_, sent); }
  SendState send_rest(std::uint64_t& sent) { return sidecar::send_rest(fd_.get(), rest_, sent); }
  std::size_t unsent() const { return rest_.size(); }
  bool all_sent() const { return rest_.empty(); }
  void drop_unsent() { rest_.clear(); }

  // The other side sees the end. REQUIRES: all_sent().
  void shutdown_write();
  // True when the other side has closed, or has sent something: asks the kernel and takes nothing.
  bool is_stale() const;
  // True when the other side has closed and everything it sent was read: asks the kernel.
  bool has_ended() const;
  // Bytes that wait in the kernel to be read.
  std::size_t kernel_bytes() const;
  // How much the other side may send on before it must wait for recv().
  void clamp_window(int bytes);
  // close() will reset the connection, so that what was sent does not look whole.
  void reset_at_close();
  // Drops what waits.
  void close();

 private:
  UniqueFd fd_;
  Buffer rest_;
};

}  // namespace sidestep::sidecar
