// Keeps up with all objects of one kind: list, then watch from the list's version, resume after every end,
// list again when the version has expired (410 as a status, or as an ERROR inside the stream), back off on
// failure.
//
// The decisions are a pure step; Watcher is the driver that performs them. What is kept of the objects is the
// sink's business. Deletions missed while disconnected show at the next list, which replaces everything.
//
// Follows "Efficient detection of changes" of the Kubernetes API concepts: bookmarks advance the version, are
// never relied upon; resourceVersion is opaque and never taken from an item of a list.
#pragma once

#include <atomic>
#include <functional>
#include <mutex>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <random>
#include <stop_token>
#include <string>

#include "lib/base/backoff.h"
#include "lib/k8s/client.h"

namespace sidestep::k8s {

struct WatchLimits {
  BackoffLimits backoff{.first = Millis{800}, .longest = Millis{30'000}, .factor = 2.0};
  Seconds healthy_after{120};     // a watch that lived so long makes the next failure the first
  Seconds least_life{200};        // of one watch request, at random in [least, longest):
  Seconds longest_life{290};      // proxies cut at five minutes
  Millis shortest_stream{1'000};  // a stream that ends sooner without a word counts as a failure
};

enum class WatchDo { kList, kWatch, kWait };

// `what` is to be done next; everything else is memory.
struct WatchState {
  WatchDo what = WatchDo::kList;
  WatchDo after_wait = WatchDo::kList;
  Millis delay{0};      // of kWait
  std::string version;  // to watch from
  int failures = 0;     // in a row
  TimePoint began{};    // the current stream
  bool heard = false;   // the current stream said something
  bool operator==(const WatchState&) const = default;
};

// What happened to the action that the state asked for.
enum class WatchEvent {
  kListed,   // with the list's version
  kOpened,   // the watch was sent
  kMoved,    // an object or a bookmark, with its version
  kEnded,    // the stream ended by itself
  kExpired,  // 410, in either form
  kFailed,   // anything else
  kWaited,
};

// Pure. `random` in [0, 1) spreads the delays.
WatchState next_watch(WatchState state, WatchEvent event, const std::string& version, TimePoint now,
                      double random, const WatchLimits& limits);

// Receives what a watch sees. Called from the watch's thread only.
class WatchSink {
 public:
  virtual ~WatchSink() = default;
  virtual void list_begins() = 0;  // also when a list begins again
  virtual void listed(Json&& object) = 0;
  virtual void list_ends() = 0;             // whatever was not listed is gone
  virtual void changed(Json&& object) = 0;  // added or modified
  virtual void deleted(Json&& object) = 0;
};

// What one line of a watch said. The sink was told already, unless it was no object.
struct WatchLine {
  bool is_good = false;     // the stream may go on
  bool is_expired = false;  // 410
  std::string version;      // of the object or the bookmark
};
WatchLine take_line(std::string_view line, const ObjectRef& what, WatchSink& sink);

class Watcher {
 public:
  Watcher(Client& client, const Clock& clock, ObjectRef what, ListOptions options, WatchSink& sink,
          WatchLimits limits = {});

  // Blocks until `stop` is requested. One thread.
  void run(std::stop_token stop);

  // Any thread.
  bool is_synced() const { return is_synced_; }  // listed at least once
  // False when nothing was heard (event, bookmark, list, end of a watch) for longer than a watch may live,
  // and a margin.
  bool is_healthy(TimePoint now) const;
  // Why the last list or watch failed; nothing once one succeeded.
  std::optional<Error> trouble() const;
  const ObjectRef& what() const { return what_; }
  std::uint64_t relists() const { return relists_; }

 private:
  void perform(std::stop_token stop);
  void list();
  void watch(std::stop_token stop);
  bool on_line(std::string_view line);
  void step(WatchEvent event, const std::string& version = {});
  void set_trouble(std::optional<Error> trouble);

  Client& client_;
  const Clock& clock_;
  const ObjectRef what_;
  const ListOptions options_;
  const WatchLimits limits_;
  WatchSink& sink_;
  // Owned by the thread of run().
  WatchState state_;
  std::minstd_rand random_;
  bool expired_ = false;
  bool stream_error_ = false;
  // Read by any thread.
  std::atomic<bool> is_synced_{false};
  std::atomic<TimePoint::rep> last_progress_;
  std::atomic<std::uint64_t> relists_{0};
  mutable std::mutex mutex_;
  std::optional<Error> trouble_;  // guarded by mutex_
};

}  // namespace sidestep::k8s
