// Many watches on one thread: the steps of Watcher (watch.h) for objects of which there are a thousand. Each
// is of one object, by field selector: of its list only the first page is read.
//
// Threads: everything here may be called from any; sinks are called by the group's own.
#pragma once

#include <memory>
#include <optional>

#include "lib/k8s/exchanges.h"
#include "lib/k8s/watch.h"

namespace sidestep::k8s {

// One watch of a group, for as long as it lives. After its end its sink is not called any more; it must not
// end in a call to its sink. REQUIRES: the group outlives it.
class GroupWatch {
 public:
  virtual ~GroupWatch() = default;
  virtual bool is_synced() const = 0;  // listed at least once
  // Why the last list or watch failed; nothing once one succeeded.
  virtual std::optional<Error> trouble() const = 0;
};

class WatchGroup {
 public:
  // How many lists may be under way at a time, so that a thousand new watches do not come as one blow.
  static constexpr std::size_t kListsAtOnce = 16;
  // Streams that share a connection are not what proxies cut for idleness, so they live longer than others,
  // and say nothing in between (no bookmarks): a thousand of them would keep a core busy with that.
  static constexpr WatchLimits kLimits{.least_life = Seconds{1'200}, .longest_life = Seconds{1'700}};

  // `client` counts the requests, which go through `exchanges`.
  WatchGroup(std::unique_ptr<Exchanges> exchanges, Client& client, const Clock& clock,
             WatchLimits limits = kLimits);
  ~WatchGroup();

  std::unique_ptr<GroupWatch> add(ObjectRef what, ListOptions options, WatchSink& sink);

 private:
  class Work;
  std::unique_ptr<Work> work_;
};

}  // namespace sidestep::k8s
