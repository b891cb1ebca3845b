// An immutable picture of the sidecar: everything that status, metrics and the command line may know.
//
// The driver makes one after each step and puts it on the board; readers keep the pointer as long as they
// like. Nobody reads live state from another thread. Counters are as old as the picture: RefreshCommand makes
// a new one.
#pragma once

#include <array>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "lib/base/clock.h"
#include "sidecar/core/counters.h"
#include "sidecar/core/explain.h"
#include "sidecar/core/receipt.h"
#include "sidecar/core/types.h"

namespace sidestep::sidecar {

struct GenerationView {
  Generation generation = Generation::kNone;
  int pid = 0;  // 0: attached, or between two lives
  AppAddress address;
  WallTime started_at;
  int weight_per_ten_thousand = 0;  // of new streams, now
  bool ready = false;
  std::string config_hash;  // "v1:sha256:…"; empty: no snapshot
  int restarts = 0;
  // Copied out of the counters, so that status needs no search.
  std::uint64_t requests = 0;
  std::uint64_t in_flight = 0;
  std::uint64_t errors = 0;
};

// A certificate that clients, or the app, are shown.
struct CertificateView {
  std::string path;  // as configured
  WallTime not_after;
  std::uint64_t refused = 0;  // times that its files held something worse than what is used
};

struct VerdictCount {
  ReloadPhase phase = ReloadPhase::kSucceeded;  // an ended one
  ReloadReason reason = ReloadReason::kNone;
  std::uint64_t count = 0;
};

// The newest replacement of the worker by another (sidestep upgrade).
struct UpgradeView {
  std::uint64_t id = 0;  // 0: none
  bool has_ended = false;
  bool succeeded = false;
  std::string message;
  std::uint64_t good = 0;  // how many succeeded, and did not, since the proxy was started
  std::uint64_t bad = 0;
};

struct Snapshot {
  std::uint64_t serial = 0;  // grows with each picture
  std::string boot_id;       // random, of this worker process
  std::string pod_uid;
  Phase phase = Phase::kHolding;
  bool paused = false;
  std::uint64_t held = 0;  // waiting now

  std::optional<GenerationView> active;  // none: being started or restarted
  std::optional<GenerationView> candidate;
  std::vector<GenerationView> retiring;
  std::optional<ReloadView> reload;  // the running one, or the last
  std::vector<ReloadView>
      ended;  // the last 16, newest last: answers for a reload that is not the last any more
  std::vector<std::string> warnings;  // at most 16

  bool listening = false;  // the client-facing sockets accept: `sidestep wait --listening`
  bool launcher_connected = false;
  bool ready = false;         // /readyz: serving, or holding with room and time left
  std::string not_ready_why;  // empty when ready

  ShardCounters counters;
  std::vector<VerdictCount> verdicts;  // of reloads, since the start of the process
  std::vector<CertificateView> certificates;
  std::uint64_t restarts = 0;                  // of active after it died by itself
  std::uint64_t launcher_refused = 0;          // connections at the launcher's socket with a wrong token
  std::shared_ptr<const Decisions> decisions;  // never null
  UpgradeView upgrade;
  std::uint64_t old_workers = 0;  // replaced, and not done yet
};
using SnapshotPtr = std::shared_ptr<const Snapshot>;

// The reload with that id, running or among the last ended ones; null when unknown. Empty id: the running or
// last one.
inline const ReloadView* find_reload(const Snapshot& snapshot, const std::string& id) {
  if (snapshot.reload && (id.empty() || snapshot.reload->id == id)) return &*snapshot.reload;
  for (const ReloadView& view : snapshot.ended) {
    if (view.id == id) return &view;
  }
  return nullptr;
}

// Where the newest picture hangs. Any thread.
class SnapshotBoard {
 public:
  SnapshotBoard() {
    auto first = std::make_shared<Snapshot>();
    first->decisions = std::make_shared<const Decisions>();
    newest_ = std::move(first);
  }

  void publish(SnapshotPtr snapshot) {
    {
      const std::lock_guard lock(mutex_);
      newest_ = std::move(snapshot);
    }
    changed_.notify_all();
  }

  // Never null.
  SnapshotPtr newest() const {
    const std::lock_guard lock(mutex_);
    return newest_;
  }

  // Returns the first picture for which `enough` holds, or the newest one after `wait`.
  SnapshotPtr wait_until(const std::function<bool(const Snapshot&)>& enough, Millis wait) const {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, wait, [&] { return enough(*newest_); });
    return newest_;
  }

 private:
  mutable std::mutex mutex_;
  mutable std::condition_variable changed_;
  SnapshotPtr newest_;  // guarded by mutex_
};

}  // namespace sidestep::sidecar
