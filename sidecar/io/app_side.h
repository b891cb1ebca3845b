// What a request stream asks of whoever answers it: a connection (HTTP/1) or one stream of a connection
// (HTTP/2).
//
// Legal order of calls: request_head request_body* request_end, then, in a tunnel, request_body*
// shutdown_write; flush_request() follows in the same turn. Bytes that are passed need to stay valid until
// that flush alone. abandon() ends it at any time. Implementations call back into the stream from attached()
// and from their own I/O, never from these calls.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace sidestep::sidecar {

class AppSide {
 public:
  // `head` as Stream::begin serialized it for the app's protocol.
  virtual void request_head(std::string_view head) = 0;
  virtual void request_body(std::string_view data) = 0;
  // `trailers` are whole lines, only those that may pass.
  virtual void request_end(std::string_view trailers) = 0;
  // Hands what was passed to the kernel; what it does not take waits.
  virtual void flush_request() = 0;
  // The client's side of a tunnel has ended; the app may go on.
  virtual void shutdown_write() = 0;
  // The answer is not read while paused. Idempotent.
  virtual void pause_reading(bool paused) = 0;
  // The stream ended first (its client is gone, or it was cut), and is not called any more.
  virtual void abandon() = 0;

  // Bytes of this stream that the app has not taken yet.
  virtual std::size_t unsent() const = 0;
  // Bytes of this stream that the kernel took.
  virtual std::uint64_t handed() const = 0;

 protected:
  ~AppSide() = default;
};

}  // namespace sidestep::sidecar
