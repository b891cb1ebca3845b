// One connection's TLS: bytes of a socket in, bytes for it out, application bytes between the two.
//
// Reads the socket by itself (never more than fits decrypted into the caller's room, so that no decrypted
// byte ever waits inside), and writes nothing: what has to be sent is appended to the TlsBuffers that it
// shares with all sessions of its thread, and the caller sends it after every call, in order.
//
// Ownership: belongs to its connection; the buffers outlive it. Threads: those of its buffers. Waits for
// nothing.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "lib/front/tls.h"

struct bio_method_st;
struct bio_st;
struct ssl_session_st;
struct ssl_st;

namespace sidestep::front {

// One per thread.
struct TlsBuffers {
  std::string sealed;  // for the socket
  std::string plain;   // pieces of one record
};

// The newest session with one server: the next handshake with it is shorter, and verifies nothing anew. Good
// for the terms that it was made under alone.
struct TlsResumption {
  TlsClientPtr terms;
  std::shared_ptr<ssl_session_st> session;
};

class TlsSession {
 public:
  static constexpr std::size_t kRecord = 16'384;
  // Room that recv() needs beyond the bytes that it reads: what OpenSSL may have read before, at most its
  // buffer (a record and its overhead; more than a part of one only after the handshake).
  static constexpr std::size_t kReadRoom = 17 * 1024;

  // Null when OpenSSL has no memory.
  static std::unique_ptr<TlsSession> accept(TlsServerPtr terms, TlsBuffers& buffers);
  // `resumption` is used and kept up to date; null, or it outlives the session.
  static std::unique_ptr<TlsSession> connect(TlsClientPtr terms, TlsBuffers& buffers,
                                             TlsResumption* resumption = nullptr);
  ~TlsSession();
  TlsSession(const TlsSession&) = delete;
  TlsSession& operator=(const TlsSession&) = delete;

  enum class Handshake : std::uint8_t { kMore, kDone, kFailed };
  // Goes on with what the socket has. kFailed: why() says why (empty: the other side left), and an alert
  // may have to be sent.
  Handshake shake(int fd);
  const std::string& why() const { return why_; }
  // After kFailed from shake(): we do not accept the other side's certificate.
  bool is_untrusted() const { return is_untrusted_; }

  // As ::recv with MSG_DONTWAIT. 0: the other side has said that nothing follows (close_notify). An end
  // without that word, and whatever breaks TLS (why() says it), is ECONNRESET. REQUIRES: size > kReadRoom;
  // the handshake is done.
  ssize_t recv(int fd, char* into, std::size_t size);
  // Something came although nobody asked, or the other side is gone. Takes nothing but TLS's own messages.
  bool is_stale(int fd);

  // Encrypts in records that are as large as possible: pieces are gathered until seal_end().
  // False: TLS cannot go on.
  bool seal(std::string_view piece);
  bool seal_end();
  // Says that nothing follows (close_notify). Idempotent.
  void end();

  TlsBuffers& buffers() { return buffers_; }
  // After the handshake.
  bool is_h2() const { return is_h2_; }
  bool was_resumed() const { return was_resumed_; }
  // The client's certificate in the form of X-Forwarded-Client-Cert; empty: it has none.
  const std::string& identity() const { return identity_; }

  // Private to lib/front: the server has given a ticket.
  void remember(ssl_session_st* session);

 private:
  TlsSession(std::shared_ptr<const void> terms, ssl_st* ssl, TlsBuffers& buffers);
  bool write(std::string_view bytes);
  bool finish_handshake();
  static ssl_st* new_ssl(ssl_ctx_st* context);
  // OpenSSL's view of the socket: reads go there within a call's budget, writes into the shared buffer.
  static const bio_method_st* bio_method();
  static int bio_read(bio_st* bio, char* into, int size);
  static int bio_write(bio_st* bio, const char* bytes, int size);
  ssize_t read_socket(char* into, std::size_t size);

  const std::shared_ptr<const void> terms_;  // what callbacks of ssl_ look at
  ssl_st* const ssl_;
  TlsBuffers& buffers_;
  TlsClientPtr client_;                  // of a client with resumption_
  TlsResumption* resumption_ = nullptr;  // may stay null
  std::string identity_;
  std::string why_;
  int fd_ = -1;             // during a call
  int error_ = 0;           // of the socket, during a call
  std::size_t budget_ = 0;  // bytes that may still be read, during a call
  bool is_dry_ = false;     // the socket has no more, during a call
  bool is_server_ = false;
  bool is_done_ = false;  // the handshake
  bool is_h2_ = false;
  bool was_resumed_ = false;
  bool is_untrusted_ = false;
};

}  // namespace sidestep::front
