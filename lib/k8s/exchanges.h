// Many exchanges with one HTTP server at a time, on one thread: thousands of watches cost a few connections
// (HTTP/2 over TLS; without TLS each has its own) and no thread each. An interface, so that what stands above
// runs in tests.
//
// Threads: begin, end and turn belong to one thread, on which callbacks are called, too; wake is for all
// others.
#pragma once

#include <cstdint>
#include <functional>

#include "lib/k8s/transport.h"

namespace sidestep::k8s {

class Exchanges {
 public:
  using Id = std::uint64_t;
  // As Transport::send or Transport::watch would return it. The exchange is over, its Id means nothing any
  // more.
  using Done = std::function<void(Result<Response>)>;

  virtual ~Exchanges() = default;

  // With `lines` it is a watch. Callbacks are called by turn(), never from here; they may begin and end
  // others.
  virtual Id begin(const Request& request, LineSink lines, Done done) = 0;
  // Breaks it off; none of its callbacks is called any more. REQUIRES: not called from its own LineSink.
  virtual void end(Id id) = 0;
  // Waits until something happened, for `longest` at most, and lets it happen.
  virtual void turn(Millis longest) = 0;
  // Ends the wait of the turn that is under way, or of the next one.
  virtual void wake() = 0;
};

}  // namespace sidestep::k8s
