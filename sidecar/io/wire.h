// One connection's transport: the descriptor, the bytes that the kernel did not take yet, and TLS where it is
// spoken.
//
// ClientH1 and AppConn own one and never touch the descriptor but to register it with the loop. Bytes leave
// in the order of the calls; what waits is sent first. With TLS, bytes are encrypted when they are handed
// over, so that what waits is ready for the socket; plain connections pay one comparison. Waits for nothing,
// decides nothing about the connection's life, knows no protocol above it. Threads: its shard's.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "lib/front/tls_session.h"
#include "lib/http/forwarding.h"
#include "lib/loop/socket.h"
#include "sidecar/io/buffer.h"
#include "sidecar/io/out_vec.h"
#include "sidecar/io/splice_pipe.h"

namespace sidestep::sidecar {

class Wire {
 public:
  Wire() = default;
  explicit Wire(UniqueFd fd) : fd_(std::move(fd)) {}

  // The descriptor is all there is to it.
  bool is_bare() const { return tls_ == nullptr && introduction_ == nullptr; }
  // Gives the descriptor away. REQUIRES: is_bare(), and all_sent().
  UniqueFd leave() { return std::move(fd_); }

  int fd() const { return fd_.get(); }
  bool is_open() const { return static_cast<bool>(fd_); }

  // From here on, TLS. REQUIRES: plain so far, and everything sent.
  void begin_tls(std::unique_ptr<front::TlsSession> tls) { tls_ = std::move(tls); }
  // Null on a plain connection.
  const front::TlsSession* tls() const { return tls_.get(); }
  // Why TLS ended; empty on a plain connection, while it goes on, and when the other side just left.
  std::string_view tls_failure() const { return tls_ == nullptr ? std::string_view() : tls_->why(); }
  // The PROXY header of this connection: what the app is to get for it where it is a client's, what the app
  // has got where it is the app's. Empty: none. Outlives close().
  void introduce(std::string header) {
    introduction_ = std::make_unique<const std::string>(std::move(header));
  }
  std::string_view introduction() const {
    return introduction_ == nullptr ? std::string_view() : std::string_view(*introduction_);
  }
  // What the app is told about how its client came: https, and who the client is by its certificate.
  void describe(http::ForwardContext& context) const {
    if (tls_ == nullptr) return;
    context.scheme = "https";
    context.client_certificate = tls_->identity();
  }
  // With TLS, before anything else: goes on with the handshake. What it has to say is sent, or waits. Right
  // after kDone recv() has to be called once: the first bytes may have come with the handshake's last.
  front::TlsSession::Handshake shake();

  // Takes bytes off the socket that belong to no protocol above: those of a PROXY header. REQUIRES: they
  // wait.
  void skip(std::size_t count);
  // What waits in the kernel, left there: as ::recv with MSG_PEEK.
  ssize_t peek(char* into, std::size_t size) const;
  // What recv() needs so that it takes up to `bytes` off the socket.
  std::size_t room_to_read(std::size_t bytes) const {
    return tls_ == nullptr ? bytes : bytes + front::TlsSession::kReadRoom;
  }
  // As ::recv: 0 is the end of what the other side sends, -1 with EAGAIN nothing now (the loop reports more).
  // REQUIRES: with TLS, size > TlsSession::kReadRoom.
  ssize_t recv(char* into, std::size_t size) {
    return tls_ == nullptr ? recv_plain(into, size) : recv_sealed(into, size);
  }

  // Empties `pieces`. What the kernel does not take is kept: kSome, ask for writability and call send_rest().
  // `sent` grows by the bytes that the kernel took.
  SendState send(OutVec& pieces, std::uint64_t& sent) {
    return tls_ == nullptr ? pieces.send(fd_.get(), rest_, sent) : send_sealed(pieces, sent);
  }
  SendState send_rest(std::uint64_t& sent);
  // Bytes as they are pass to and from this socket: no TLS, and nothing waits.
  bool can_splice() const { return tls_ == nullptr && rest_.empty(); }
  // As recv() and send(), by way of the pipe. REQUIRES: can_splice().
  ssize_t fill(SplicePipe& pipe, std::size_t most) const { return pipe.fill(fd_.get(), most); }
  SendState drain(SplicePipe& pipe, std::uint64_t& sent, char* scratch, std::size_t size) {
    return pipe.drain(fd_.get(), rest_, sent, scratch, size);
  }
  std::size_t unsent() const { return rest_.size(); }
  bool all_sent() const { return rest_.empty(); }
  void drop_unsent() { rest_.clear(); }

  // The other side sees the end. REQUIRES: all_sent(). With TLS something may have to wait again.
  void shutdown_write();
  // With TLS: tells the other side that what it has got is whole (close_notify), before close().
  void say_whole();
  // True when the other side has closed, or has sent something that is for the caller: asks the kernel and
  // takes nothing but TLS's own messages, which are answered.
  bool is_stale();
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
  ssize_t recv_plain(char* into, std::size_t size);
  ssize_t recv_sealed(char* into, std::size_t size);
  SendState send_sealed(OutVec& pieces, std::uint64_t& sent);
  SendState pass_sealed(std::uint64_t& sent);

  std::unique_ptr<front::TlsSession> tls_;
  std::unique_ptr<const std::string> introduction_;
  Buffer rest_;
  UniqueFd fd_;
  bool ends_after_rest_ = false;
};

}  // namespace sidestep::sidecar
