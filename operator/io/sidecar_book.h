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

#include "operator/io/sidecar_client.h"

namespace sidestep::op {

struct BookLimits {
  Millis fresh_running{150};  // age up to which a status serves a running reload
  Millis fresh_resting{60'000};
  Millis fresh_failed{5'000};  // how soon an unreachable pod at rest is asked again
  std::size_t parallel = 8;    // calls at a time, for one look
};

struct BookEntry {
  Reach reach = Reach::kNotAsked;
  std::string reach_message;
  std::optional<SidecarStatus> status;
  std::optional<CommandRefusal> refusal;
  TimePoint asked_at{};
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
  bool is_fresh(const BookEntry& entry, bool is_running, TimePoint now) const;
  void ask(const SidecarAddress& pod);

  SidecarClient& client_;
  const Clock& clock_;
  const BookLimits limits_;
  mutable std::mutex mutex_;
  std::map<std::string, BookEntry> entries_;  // by pod UID; guarded by mutex_
};

}  // namespace sidestep::op
