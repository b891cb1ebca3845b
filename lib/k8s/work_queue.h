// Decides which name is worked on next: names are de-duplicated, one worker holds a name at a time, a name
// added while it is worked on comes again once afterwards, failures back off per name, and a bucket bounds
// the whole. Urgent names go first; patient ones (work on them is under way, and comes again and again) let
// others pass.
//
// Does no work itself. QueueCore is the decision, with time as an argument; WorkQueue puts a mutex around it
// and lets workers wait. Behaves as client-go's rate-limiting queue does.
#pragma once

#include <array>
#include <condition_variable>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <stop_token>
#include <string>
#include <utility>

#include "lib/base/clock.h"
#include "lib/k8s/bucket.h"

namespace sidestep::k8s {

struct QueueLimits {
  Millis first_retry{5};
  Millis longest_retry{1'000'000};
  double retries_per_second = 10;  // over all names
  double retry_burst = 100;
};

struct QueueCounts {
  std::uint64_t adds = 0;
  std::uint64_t retries = 0;
  std::size_t depth = 0;  // ready and not taken
  std::size_t working = 0;
  std::size_t delayed = 0;
};

enum class Urgency : std::uint8_t { kUrgent, kNormal, kPatient };

class QueueCore {
 public:
  static constexpr int kMostAhead = 31;

  explicit QueueCore(QueueLimits limits = {})
      : limits_(limits), bucket_(limits.retries_per_second, limits.retry_burst) {}

  // To be worked on as soon as possible. Nothing if it waits already; once more afterwards if it is being
  // worked on.
  void add(const std::string& name, TimePoint now);
  // Not before `when`; of two times the earlier one counts.
  void add_at(const std::string& name, TimePoint when);
  // After a failure: later each time, with the bucket.
  void retry(const std::string& name, TimePoint now);
  void forget(const std::string& name) { failures_.erase(name); }
  // From the next time that it is added. Kept until it is said otherwise. Patient ones wait for kMostAhead
  // others at most.
  void set_urgency(const std::string& name, Urgency urgency);

  // A name to work on, of equal urgency the oldest first. It is returned to the queue's care with done().
  std::optional<std::string> take(TimePoint now);
  void done(const std::string& name, TimePoint now);

  // When take() may have something that it has not now; nothing: only after an add.
  std::optional<TimePoint> next_due() const;
  QueueCounts counts() const;

 private:
  using Ready = std::map<std::uint64_t, std::string>;  // by order of arrival
  void promote(TimePoint now);
  void delay_no_more(const std::string& name);
  void make_ready(const std::string& name);
  Ready& ready(Urgency urgency) { return ready_[static_cast<std::size_t>(urgency)]; }
  Ready& next_ready();

  const QueueLimits limits_;
  TokenBucket bucket_;
  std::uint64_t order_ = 0;
  std::array<Ready, 3> ready_;              // by urgency
  int ahead_ = 0;                           // others that were taken since the last patient one
  std::set<std::string> waiting_;           // the names in all three
  std::map<std::string, Urgency> urgency_;  // of those that are not normal
  std::map<std::string, TimePoint> delayed_;
  std::set<std::pair<TimePoint, std::string>> due_;  // the same, in order of time
  std::set<std::string> working_;
  std::set<std::string> again_;  // added while worked on
  std::map<std::string, int> failures_;
  std::uint64_t adds_ = 0, retries_ = 0;
};

class WorkQueue {
 public:
  explicit WorkQueue(const Clock& clock, QueueLimits limits = {}) : clock_(clock), core_(limits) {}

  void add(const std::string& name);
  void add_after(const std::string& name, Millis delay);
  void retry(const std::string& name);
  void forget(const std::string& name);
  void set_urgency(const std::string& name, Urgency urgency);
  // Blocks until there is a name, or `stop` is requested: then nothing.
  std::optional<std::string> take(std::stop_token stop);
  void done(const std::string& name);
  QueueCounts counts() const;

 private:
  const Clock& clock_;
  mutable std::mutex mutex_;
  std::condition_variable_any changed_;
  QueueCore core_;  // Guarded by mutex_.
};

}  // namespace sidestep::k8s
