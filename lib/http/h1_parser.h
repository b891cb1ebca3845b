// HTTP/1.1 and 1.0 heads (RFC 9112): bytes → RequestHead or ResponseHead, zero-copy. Whatever could be read
// in two ways is refused with a BadReason: line ends are CR LF only, no folded lines, one framing, one Host.
//
// Stateless over the whole head: the caller keeps a partial head and parses it again when more has come;
// HeadScanner says when that is worth while, so that a head that drips in byte by byte costs linear time.
// Bodies: h1_body.h. Ownership: heads are views into `bytes` and `store`. Threads: no shared state; one
// HeaderStore per thread.
#pragma once

#include <algorithm>
#include <cstddef>
#include <string_view>

#include "lib/http/bad_reason.h"
#include "lib/http/h1_body.h"
#include "lib/http/h1_limits.h"
#include "lib/http/message.h"

namespace sidestep::http {

struct HeadResult {
  enum State : std::uint8_t {
    kNeedMore,  // well-formed so far; call again with the same bytes and more
    kDone,      // *out is filled; the body begins at bytes[consumed]
    kBad,       // nothing after this point can be trusted: answer `status`, close
  };
  State state = kNeedMore;
  std::size_t consumed = 0;  // with kBad: where it went wrong
  BadReason reason = BadReason::kNone;
  int status = 0;  // with kBad: see status_of(); always 502 for a response
};

// One empty line before the request line is skipped (RFC 9112 2.2).
HeadResult parse_request_head(std::string_view bytes, const H1Limits& limits, RequestHead* out,
                              HeaderStore& store);

// `request` is the method that is being answered: it decides whether a body follows.
HeadResult parse_response_head(std::string_view bytes, Method request, const H1Limits& limits,
                               ResponseHead* out, HeaderStore& store);

// Says whether parsing a growing head again can bring news: its end has come, a line ended as none may, or it
// has doubled (so that other garbage is refused early too). Always true on the first call.
class HeadScanner {
 public:
  bool worth_parsing(std::string_view bytes, const H1Limits& limits) {
    const bool has_news = line_tells(bytes);
    scanned_ = bytes.size();
    if (!has_news && bytes.size() < std::min(next_try_, limits.max_head_bytes)) return false;
    next_try_ = 2 * bytes.size();
    return true;
  }
  void reset() { *this = HeadScanner(); }

 private:
  // An empty line, or an LF without CR, among the bytes that are new.
  bool line_tells(std::string_view bytes) const {
    for (std::size_t at = bytes.find('\n', scanned_); at != std::string_view::npos;
         at = bytes.find('\n', at + 1)) {
      if (at == 0 || bytes[at - 1] != '\r' || (at >= 2 && bytes[at - 2] == '\n')) return true;
    }
    return false;
  }

  std::size_t scanned_ = 0;
  std::size_t next_try_ = 0;
};

}  // namespace sidestep::http
