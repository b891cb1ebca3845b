// Remembers the version of each object this process wrote, so that no decision is taken from a cache that is
// older than our own last write (the idea of KEP-5647).
//
// A mark is dropped when the cache has caught up, and after a while in any case: the object may be gone.
// Threads: any.
#pragma once

#include <map>
#include <mutex>
#include <string>
#include <string_view>

#include "lib/base/clock.h"

namespace sidestep::op {

// Whether version `a` is older than `b`. Versions are compared as integers (KEP-5504: by length, then text);
// versions of another shape are older unless equal, since nothing is known of their order.
bool is_older(std::string_view a, std::string_view b);

class WriteLedger {
 public:
  explicit WriteLedger(Millis memory = Millis{10'000}) : memory_(memory) {}

  // `object` is "kind namespace/name".
  void wrote(const std::string& object, const std::string& version, TimePoint now);
  void forget(const std::string& object);
  // Whether the cache, which holds `cached` ("" when it has no such object), is behind our last write.
  bool is_behind(const std::string& object, const std::string& cached, TimePoint now);
  // Objects with this prefix that were written and that the caller may not have in its cache at all.
  bool any_missing(const std::string& prefix, const std::map<std::string, std::string>& cached,
                   TimePoint now);

 private:
  struct Mark {
    std::string version;
    TimePoint at;
  };
  bool is_old(const Mark& mark, TimePoint now) const { return now - mark.at > memory_; }
  void drop_old(TimePoint now);

  const Millis memory_;
  std::mutex mutex_;
  std::map<std::string, Mark> marks_;  // guarded by mutex_
  TimePoint drop_at_{};                // the same
};

}  // namespace sidestep::op
