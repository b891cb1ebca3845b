// What a request stream asks of the connection (HTTP/1) or the multiplexed stream (HTTP/2) that it came from.
//
// Legal order of calls: interim* then one of
//   head body* (end | abort)                              an answer of the app
//   reject                                                an answer of our own
//   head(101) tunnel_body* [tunnel_end] tunnel_closed
// flush() follows at the end of each turn in which one of them was called. After end, abort, reject or
// tunnel_closed the stream makes no further call but that flush. Implementations call back into the stream
// from flush() alone, and there only client_gone().
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "lib/http/bad_reason.h"
#include "lib/http/message.h"
#include "sidecar/core/types.h"

namespace sidestep::sidecar {

class SplicePipe;

// An answer of the proxy itself.
struct Rejection {
  int status = 503;
  int retry_after_seconds = 0;  // 0: no Retry-After
  std::string_view why;         // one short sentence, for the body and the log
};

class ClientSide {
 public:
  virtual ~ClientSide() = default;

  virtual void interim(const http::ResponseHead& head) = 0;
  virtual void head(const http::ResponseHead& head, Generation generation) = 0;
  virtual void body(std::string_view data) = 0;
  virtual void end(std::string_view trailers) = 0;
  // The answer cannot be completed: it must not look whole to the client.
  virtual void abort() = 0;
  virtual void reject(const Rejection& rejection) = 0;
  virtual void tunnel_body(std::string_view data) = 0;
  virtual void tunnel_end() = 0;     // the app sends no more; the client still may
  virtual void tunnel_closed() = 0;  // neither side sends any more
  // Hands what was produced to the kernel. May end the stream: false when the client is gone (client_gone was
  // called).
  virtual bool flush() = 0;

  // The PROXY header for the app; empty: none (AppPool).
  virtual std::string_view introduction() const = 0;

  // True while bytes of the answer's body may come from a pipe: they go out as they are, and nothing waits before
  // them.
  virtual bool takes_pipe() const { return false; }
  // As body() with all that is in the pipe, and flush(). REQUIRES: takes_pipe().
  virtual bool body_from(SplicePipe&) { return flush(); }

  // Bytes that the client has not taken yet.
  virtual std::size_t unsent() const = 0;
  // The request's body is not read while paused. Idempotent.
  virtual void pause_request(bool paused) = 0;
  // The stream waits in the hold: what the client goes on sending should stay with the client. Idempotent.
  virtual void hold_back(bool held) = 0;
  // Bytes of this stream that wait in the kernel, for the bound of the hold.
  virtual std::size_t kernel_bytes() const = 0;
};

}  // namespace sidestep::sidecar
