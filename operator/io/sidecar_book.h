// What the operator last heard from each sidecar, and when it has to ask again. Asks several at a time.
//
// Statuses of pods in a running reload are asked for anew at nearly every look, those at rest about once a
// minute. Threads: any.
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
  void keep_only(const std::set<std::string>& pod_uids);
  std::size_t size() const;

 private:
  Millis resting_age(const std::string& pod_uid, const BookEntry& entry) const;
  bool is_fresh(const std::string& pod_uid, bool is_running, TimePoint now) const;
  void ask(const SidecarAddress& pod, bool is_running);
  bool failed_before(const std::string& pod_uid) const;

  SidecarClient& client_;
  const Clock& clock_;
  const BookLimits limits_;
  mutable std::mutex mutex_;
  std::map<std::string, BookEntry> entries_;  // by pod UID; guarded by mutex_
};

}  // namespace sidestep::op
