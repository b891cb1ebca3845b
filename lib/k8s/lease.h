// Leader election over one coordination.k8s.io/v1 Lease, as client-go does it: expiry is judged by the local
// monotonic time at which the record was seen to change, never by the times written in it.
//
// The decision is a pure step; LeaseKeeper is the driver. Losing the lease is final: the program stops its
// work and exits. The API offers no fencing, so each acquisition gets an epoch that only grows: max(epoch in
// the Lease + 1, milliseconds of the acquisition), kept in an annotation of the Lease, since a Lease that was
// deleted and made again starts its transitions at 0.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <optional>
#include <random>
#include <stop_token>
#include <string>

#include "lib/k8s/client.h"

namespace sidestep::k8s {

struct LeaseLimits {  // REQUIRES: duration > renew_deadline > 1.2 * retry
  Millis duration{15'000};
  Millis renew_deadline{10'000};
  Millis retry{2'000};
  double jitter = 0.2;  // of `retry`, added at random
};

// The fields of the Lease that matter. `version` is its resourceVersion; empty: there is no Lease.
struct LeaseRecord {
  std::string holder = {};
  std::int64_t transitions = 0;
  std::int64_t epoch = 0;
  std::string version = {};
  std::string uid = {};
  Millis duration{0};  // what the holder promised; a candidate waits this long
  bool operator==(const LeaseRecord&) const = default;
};

enum class LeaseDo {
  kNothing,  // look again after `delay`
  kWrite,    // write `record`, with its version as the precondition (no version: create)
  kLost,     // stop all work and exit
};

struct LeaseState {
  std::string identity = {};
  LeaseRecord seen = {};  // as last observed
  TimePoint seen_at{};    // when it was seen to change
  bool leading = false;
  TimePoint renewed_at{};  // of the last successful write as leader
  std::int64_t epoch = 0;  // of this leadership
};

struct LeaseStep {
  LeaseState next;
  LeaseDo what = LeaseDo::kNothing;
  LeaseRecord record = {};
  Millis delay{0};
};

// What was read (nothing: the API did not answer) at `now`; `wall` only makes the epoch.
LeaseStep on_lease_read(LeaseState state, const std::optional<LeaseRecord>& read, TimePoint now,
                        WallTime wall, double random, const LeaseLimits& limits);
// How the write that on_lease_read asked for, sent at `began`, ended: the stored record, or nothing when it
// failed. A record that names another holder is a failure.
LeaseStep on_lease_written(LeaseState state, const std::optional<LeaseRecord>& written, TimePoint began,
                           TimePoint now, double random, const LeaseLimits& limits);

LeaseRecord lease_from_json(const Json& lease);
// `now` becomes renewTime, and acquireTime for a new holder.
Json lease_to_json(const std::string& name_space, const std::string& name, const LeaseRecord& record,
                   bool is_new_holder, WallTime now);

// REQUIRES: the client's time limit is below the renew deadline.
class LeaseKeeper {
 public:
  LeaseKeeper(Client& client, const Clock& clock, std::string name_space, std::string name,
              std::string identity, LeaseLimits limits = {});

  // Blocks until this process leads; false: `stop` was requested first.
  bool acquire(std::stop_token stop);
  // Blocks while this process leads; true: `stop` was requested, false: the lease was lost.
  bool keep(std::stop_token stop);
  // Gives the lease away, so that another takes over at once. Call after all work has stopped.
  void release();

  // Any thread. 0 and empty until acquired.
  bool is_leading() const { return leading_; }
  // False as soon as the lease may have passed to another, also when this process slept through it. Ask
  // before a write.
  bool may_act(TimePoint now) const;
  std::int64_t epoch() const { return epoch_; }
  std::string lease_uid() const;

 private:
  LeaseStep look();
  std::optional<LeaseRecord> read();
  std::optional<LeaseRecord> write(const LeaseRecord& record);
  double random();

  Client& client_;
  const Clock& clock_;
  const ObjectRef ref_;
  const LeaseLimits limits_;
  // Owned by the thread of acquire() and keep().
  LeaseState state_;
  std::minstd_rand random_;
  // Read by any thread.
  std::atomic<bool> leading_{false};
  std::atomic<std::int64_t> epoch_{0};
  std::atomic<TimePoint::rep> renewed_at_{0};
  mutable std::mutex mutex_;
  std::string uid_;  // Guarded by mutex_.
};

}  // namespace sidestep::k8s
