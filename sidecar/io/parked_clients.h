// Clients of HTTP/1 that have been silent for a while, in 64 bytes each: what must be known to go on with one
// when it speaks again. Most connections of a busy service are such ones at any moment.
//
// Owns their descriptors, keeps them in the loop, and closes those that are silent for too long. Does not
// read from them: the first event makes it give the client back. Threads: its shard's.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "lib/base/clock.h"
#include "lib/loop/event_loop.h"
#include "lib/loop/socket.h"
#include "sidecar/io/client_conn.h"

namespace sidestep::sidecar {

// A client that has been answered, owes nothing and is owed nothing.
struct SilentClient {
  UniqueFd fd;  // in the loop, watched for EPOLLIN
  PeerAddress peer;
  std::uint16_t listener = 0;
  std::uint32_t requests = 0;  // answered so far
  TimePoint since{};           // its last answer; comes back up to 64 ms earlier
};

class ParkedClients final {
 public:
  struct Owner {
    // It spoke, or left: `events` as epoll gave them. The descriptor's handler is to be replaced at once.
    std::function<void(SilentClient client, std::uint32_t events)> speaks;
    std::function<void(const PeerAddress& peer)> closed;
  };

  ParkedClients(EventLoop& loop, Owner owner);
  ~ParkedClients();
  ParkedClients(const ParkedClients&) = delete;
  ParkedClients& operator=(const ParkedClients&) = delete;

  std::size_t size() const { return size_; }
  // REQUIRES: not silent since an earlier time than the one before it, by more than a moment.
  void add(SilentClient client);
  // Closes at most so many of those that are silent since `since` or longer, longest first. Returns how many.
  std::size_t close_silent(TimePoint since, std::size_t most);
  void close_all();

 private:
  struct Parked;
  static constexpr std::size_t kSlabBytes = 65'536;
  struct Unmap {
    void operator()(void* slab) const;
  };

  void* place();
  void leave(Parked& parked);
  void close(Parked& parked);

  EventLoop& loop_;
  const Owner owner_;
  // Parked clients are made in slabs of their own, so that the pages of the large objects that they were can
  // be given back to the system. Slabs are kept until nobody is parked.
  std::vector<std::unique_ptr<void, Unmap>> slabs_;
  std::size_t used_ = 0;  // places of the last slab that were ever taken
  Parked* free_ = nullptr;
  Parked* first_ = nullptr;  // the longest silent
  Parked* last_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace sidestep::sidecar
