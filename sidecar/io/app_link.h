// A connection of an AppPool, as its pool sees it: HTTP/1 with room for one stream, or HTTP/2 with room for
// many.
//
// The pool files each link by what is_idle() and has_room() say; a link tells the pool when they may have
// changed: connected, idle, gone. Owned by its pool. Threads: its shard's.
#pragma once

#include <string_view>

#include "lib/base/clock.h"
#include "lib/loop/event_loop.h"
#include "sidecar/io/intrusive_list.h"

namespace sidestep::sidecar {

class Stream;

class AppLink : public Deletable, public ListHook<AppLink> {
 public:
  // REQUIRES: has_room(). Calls stream.attached().
  virtual void attach(Stream& stream) = 0;
  // Closes it. What it served is not called any more.
  virtual void drop() = 0;

  virtual bool is_connecting() const = 0;
  virtual bool is_idle() const = 0;          // serves no stream
  virtual bool has_room() const = 0;         // takes another stream now
  virtual TimePoint idle_since() const = 0;  // while connecting: when that began
  // True when the app has closed or sent something although nobody asked: asks the kernel.
  virtual bool is_stale() = 0;
  // The PROXY header that it began with: it serves this client alone. Empty: none so far.
  virtual std::string_view introduction() const { return {}; }
  // TLS may have read what the app said first together with the handshake's end.
  virtual void read_first() {}
};

}  // namespace sidestep::sidecar
