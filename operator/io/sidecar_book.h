// What the operator last heard from each sidecar, and when it has to ask again. Asks several at a time.
//
// Statuses of pods in a running reload are asked for anew at nearly every look, those at rest about once a
// minute, and less often the more there are, so that asking costs the same. Threads: any.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "lib/base/backoff.h"
#include "operator/io/sidecar_client.h"

namespace sidestep::op {

struct BookLimits {
  Millis fresh_running{150};  // age up to which a status serves a running reload
  Millis fresh_resting{60'000};
  Millis fresh_resting_per_pod{250};  // with so many pods that this is more
  // How soon a pod at rest that did not answer, or refused, is asked again: doubled each time.
  BackoffLimits failed{.first = Millis{1'000}, .longest = Millis{60'000}, .factor = 2.0};
  // Of a pod that is not there for a running reload, so that it does not hold up the others' verdict.
  Millis failed_running_at_most{5'000};
  Millis timeout_running{1'000};  // of one call; a look waits for the slowest
  Millis timeout_after_failure{500};
};

struct BookEntry {
  Reach reach = Reach::kNotAsked;
  std::string reach_message;
  std::optional<SidecarStatus> status;
  std::optional<CommandRefusal> refusal;
  TimePoint asked_at{};
  int failures = 0;     // in a row
  Millis ask_again{0};  // of a pod that did not answer, or refused: from the moment of this look
};

class SidecarBook {
 public:
  SidecarBook(SidecarClient& client, const Clock& clock, BookLimits limits = {})
      : client_(client), clock_(clock), limits_(limits) {}

  // Asks those of `pods` whose entry is too old and returns an entry for each, in order. Blocks.
  std::vector<BookEntry> look(const std::vector<SidecarAddress>& pods, bool is_running);

  // After a command: what was known is out of date.
  void expire(const std::string& pod_uid);
  void note_refusal(const std::string& pod_uid, CommandRefusal refusal);
  // From now on there are these pods and no others.
  void keep_only(const std::set<std::string>& pod_uids);
  std::size_t size() const;

 private:
  // What stays: the status as it came, which is a third of what it is when it was read. Few looks need it.
  struct Kept {
    Reach reach = Reach::kNotAsked;
    int failures = 0;
    TimePoint asked_at{};
    std::string text;  // the status; of one that did not answer, or refused: why
    std::unique_ptr<CommandRefusal> refusal;
  };
  BookEntry entry_of(const std::string& pod_uid, const Kept& kept, TimePoint now) const;
  Millis resting_age(const std::string& pod_uid, const Kept& kept) const;
  bool is_fresh(const std::string& pod_uid, bool is_running, TimePoint now) const;
  void ask(const SidecarAddress& pod, bool is_running);
  bool failed_before(const std::string& pod_uid) const;

  SidecarClient& client_;
  const Clock& clock_;
  const BookLimits limits_;
  mutable std::mutex mutex_;
  // Guarded by mutex_.
  std::map<std::string, Kept> entries_;  // by pod UID
  Millis fresh_resting_{limits_.fresh_resting};
};

}  // namespace sidestep::op
