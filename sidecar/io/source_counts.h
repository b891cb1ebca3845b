// How many connections each client address has open, over all shards: the bound of --max-clients-per-source.
//
// Exact, so that the sum never exceeds the bound whichever shards accept: shards share this one table, which
// is touched when a connection comes and when it goes, never by a request, and not at all when there is no
// bound. Of IPv6 a network of 64 bits counts as one source, since that is what one client is given. Clients
// of a Unix socket have no address and are not counted. Any thread.
#pragma once

#include <netinet/in.h>

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <unordered_map>

namespace sidestep::sidecar {

class SourceCounts {
 public:
  explicit SourceCounts(std::size_t most) : most_(most) {}  // 0: no bound

  // False: the source has as many as it may; nothing is counted then. After true, leave() is owed.
  bool enter(const in6_addr& source);
  void leave(const in6_addr& source);

 private:
  const std::size_t most_;
  std::mutex mutex_;
  std::unordered_map<std::uint64_t, std::size_t> open_;  // guarded by mutex_; no zeros
};

}  // namespace sidestep::sidecar
