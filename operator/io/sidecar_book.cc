#include "operator/io/sidecar_book.h"

#include <algorithm>

#include "operator/io/parallel.h"

namespace sidestep::op {
namespace {

BookEntry entry_of(const Result<SidecarReply>& reply) {
  BookEntry entry;
  if (!reply) {
    entry.reach = Reach::kUnreachable;
    entry.reach_message = reply.error().detail;
  } else if (reply->status / 100 != 2) {
    const SidecarError error = sidecar_error_from_text(reply->body);
    entry.reach = reply->status >= 500 ? Reach::kUnreachable : Reach::kRefused;
    entry.reach_message = "status " + std::to_string(reply->status) + ": " + error.message;
  } else if (auto status = sidecar_status_from_text(reply->body); !status) {
    entry.reach = Reach::kUnreachable;
    entry.reach_message = status.error().detail;
  } else {
    entry.reach = Reach::kReachable;
    entry.status = *std::move(status);
  }
  return entry;
}

}  // namespace

// Up to which an entry serves a policy at rest.
Millis SidecarBook::resting_age(const std::string& pod_uid, const BookEntry& entry) const {
  if (entry.reach == Reach::kReachable) return limits_.fresh_resting;
  return backoff_delay(limits_.failed, entry.failures - 1, spread_of(pod_uid));
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
  const auto reply = client_.call(pod, "GET", "/v1/status", "", at_most);
  BookEntry fresh = entry_of(reply);
  fresh.asked_at = clock_.steady();
  const std::lock_guard lock(mutex_);
  BookEntry& entry = entries_[pod.pod_uid];
  fresh.refusal = std::move(entry.refusal);
  fresh.failures = fresh.reach == Reach::kReachable ? 0 : entry.failures + 1;
  entry = std::move(fresh);
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
  const std::lock_guard lock(mutex_);
  const TimePoint now = clock_.steady();
  for (const SidecarAddress& pod : pods) {
    entries.push_back(entries_[pod.pod_uid]);
    BookEntry& entry = entries.back();
    if (entry.failures == 0) continue;
    const auto left = entry.asked_at + resting_age(pod.pod_uid, entry) - now;
    entry.ask_again = std::max(Millis(0), std::chrono::ceil<Millis>(left));
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
  entries_[pod_uid].refusal = std::move(refusal);
}

void SidecarBook::keep_only(const std::set<std::string>& pod_uids) {
  const std::lock_guard lock(mutex_);
  std::erase_if(entries_, [&](const auto& entry) { return !pod_uids.contains(entry.first); });
}

std::size_t SidecarBook::size() const {
  const std::lock_guard lock(mutex_);
  return entries_.size();
}

}  // namespace sidestep::op
