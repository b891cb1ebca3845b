#include "operator/io/sidecar_book.h"

#include <algorithm>

#include "operator/io/parallel.h"

namespace sidestep::op {
namespace {

struct Heard {
  Reach reach = Reach::kUnreachable;
  std::string text;  // the status, or why there is none
};

Heard heard_from(Result<SidecarReply> reply) {
  if (!reply) return {Reach::kUnreachable, reply.error().detail};
  if (reply->status / 100 != 2) {
    return {reply->status >= 500 ? Reach::kUnreachable : Reach::kRefused,
            "status " + std::to_string(reply->status) + ": " + sidecar_error_from_text(reply->body).message};
  }
  if (const auto status = sidecar_status_from_text(reply->body); !status)
    return {Reach::kUnreachable, status.error().detail};
  return {Reach::kReachable, std::move(reply->body)};
}

}  // namespace

// The status is still text, in the place of the message. REQUIRES: mutex_ is held.
BookEntry SidecarBook::entry_of(const std::string& pod_uid, const Kept& kept, TimePoint now) const {
  BookEntry entry;
  entry.reach = kept.reach;
  entry.asked_at = kept.asked_at;
  entry.failures = kept.failures;
  if (kept.refusal) entry.refusal = *kept.refusal;
  entry.reach_message = kept.text;
  if (kept.failures == 0) return entry;
  const auto left = kept.asked_at + resting_age(pod_uid, kept) - now;
  entry.ask_again = std::max(Millis(0), std::chrono::ceil<Millis>(left));
  return entry;
}

// Up to which an entry serves a policy at rest. REQUIRES: mutex_ is held.
Millis SidecarBook::resting_age(const std::string& pod_uid, const Kept& kept) const {
  if (kept.reach == Reach::kReachable) return fresh_resting_;
  return backoff_delay(limits_.failed, kept.failures - 1, spread_of(pod_uid));
}

// REQUIRES: mutex_ is held.
bool SidecarBook::is_fresh(const std::string& pod_uid, bool is_running, TimePoint now) const {
  const auto entry = entries_.find(pod_uid);
  if (entry == entries_.end() || entry->second.reach == Reach::kNotAsked) return false;
  Millis most = resting_age(pod_uid, entry->second);
  if (is_running && entry->second.reach == Reach::kReachable)
    most = limits_.fresh_running;
  else if (is_running)
    most = std::min(most, limits_.failed_running_at_most);
  return now - entry->second.asked_at < most;
}

bool SidecarBook::failed_before(const std::string& pod_uid) const {
  const std::lock_guard lock(mutex_);
  const auto entry = entries_.find(pod_uid);
  return entry != entries_.end() && entry->second.failures > 0;
}

void SidecarBook::ask(const SidecarAddress& pod, bool is_running) {
  Millis at_most{0};  // the client's own
  if (failed_before(pod.pod_uid))
    at_most = limits_.timeout_after_failure;
  else if (is_running)
    at_most = limits_.timeout_running;
  Heard heard = heard_from(client_.call(pod, "GET", "/v1/status", "", at_most));
  heard.text.shrink_to_fit();
  const TimePoint now = clock_.steady();
  const std::lock_guard lock(mutex_);
  Kept& kept = entries_[pod.pod_uid];
  kept.reach = heard.reach;
  kept.failures = heard.reach == Reach::kReachable ? 0 : kept.failures + 1;
  kept.asked_at = now;
  kept.text = std::move(heard.text);
}

std::vector<BookEntry> SidecarBook::look(const std::vector<SidecarAddress>& pods, bool is_running) {
  std::vector<const SidecarAddress*> due;
  {
    const std::lock_guard lock(mutex_);
    for (const SidecarAddress& pod : pods)
      if (!pod.ip.empty() && !is_fresh(pod.pod_uid, is_running, clock_.steady())) due.push_back(&pod);
  }
  for_all(due.size(), kSidecarsAtOnce, [&](std::size_t i) { ask(*due[i], is_running); });
  std::vector<BookEntry> entries;
  {
    const std::lock_guard lock(mutex_);
    const TimePoint now = clock_.steady();
    for (const SidecarAddress& pod : pods)
      entries.push_back(entry_of(pod.pod_uid, entries_[pod.pod_uid], now));
  }
  for (BookEntry& entry : entries) {
    if (entry.reach != Reach::kReachable) continue;
    if (auto status = sidecar_status_from_text(entry.reach_message)) entry.status = *std::move(status);
    entry.reach_message.clear();
  }
  return entries;
}

void SidecarBook::expire(const std::string& pod_uid) {
  const std::lock_guard lock(mutex_);
  entries_[pod_uid].asked_at = {};
  entries_[pod_uid].reach = Reach::kNotAsked;
}

void SidecarBook::note_refusal(const std::string& pod_uid, CommandRefusal refusal) {
  const std::lock_guard lock(mutex_);
  entries_[pod_uid].refusal = std::make_unique<CommandRefusal>(std::move(refusal));
}

void SidecarBook::keep_only(const std::set<std::string>& pod_uids) {
  const std::lock_guard lock(mutex_);
  std::erase_if(entries_, [&](const auto& entry) { return !pod_uids.contains(entry.first); });
  const auto pods = static_cast<Millis::rep>(pod_uids.size());
  fresh_resting_ = std::max(limits_.fresh_resting, pods * limits_.fresh_resting_per_pod);
}

std::size_t SidecarBook::size() const {
  const std::lock_guard lock(mutex_);
  return entries_.size();
}

}  // namespace sidestep::op
