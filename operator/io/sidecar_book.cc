#include "operator/io/sidecar_book.h"

#include <algorithm>
#include <atomic>
#include <thread>

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
  const Millis most = is_running ? limits_.fresh_running : resting_age(pod_uid, entry->second);
  return now - entry->second.asked_at < most;
}

void SidecarBook::ask(const SidecarAddress& pod) {
  const auto reply = client_.call(pod, "GET", "/v1/status", "");
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
  std::atomic<std::size_t> next{0};
  const auto work = [&] {
    for (std::size_t i = next++; i < due.size(); i = next++) ask(*due[i]);
  };
  {
    std::vector<std::jthread> helpers;
    for (std::size_t i = 1; i < std::min(limits_.parallel, due.size()); ++i) helpers.emplace_back(work);
    work();
  }
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
