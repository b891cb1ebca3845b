#include <algorithm>

#include "lib/policy/signature.h"

namespace sidestep::policy {
namespace {

constexpr std::size_t kMostPastLeases = 16;

}  // namespace

std::string_view to_string(Freshness freshness) {
  switch (freshness) {
    case Freshness::kFresh:
      return "fresh";
    case Freshness::kTooOld:
      return "outside the time window";
    case Freshness::kReplayed:
      return "replayed";
    case Freshness::kFull:
      return "too many commands";
  }
  return "unknown";
}

Freshness ReplayGuard::admit(std::string_view nonce, std::int64_t time_ms, std::int64_t now_ms) {
  while (!order_.empty() && order_.front().forget_at_ms <= now_ms) {
    nonces_.erase(order_.front().nonce);
    order_.pop_front();
  }
  // Compared without a subtraction that could overflow: `time_ms` comes from outside.
  const std::int64_t window = limits_.window.count();
  if (time_ms < now_ms - window || time_ms > now_ms + window) return Freshness::kTooOld;
  if (nonces_.contains(std::string(nonce))) return Freshness::kReplayed;
  if (nonces_.size() >= limits_.most_nonces) return Freshness::kFull;
  order_.push_back({std::string(nonce), now_ms + limits_.memory.count()});
  nonces_.insert(std::string(nonce));
  return Freshness::kFresh;
}

std::vector<std::pair<std::string, std::int64_t>> ReplayGuard::memory() const {
  std::vector<std::pair<std::string, std::int64_t>> memory;
  for (const Seen& seen : order_) memory.emplace_back(seen.nonce, seen.forget_at_ms);
  return memory;
}

void ReplayGuard::remember(const std::vector<std::pair<std::string, std::int64_t>>& memory) {
  for (const auto& [nonce, forget_at_ms] : memory) {
    if (nonces_.insert(nonce).second) order_.push_back({nonce, forget_at_ms});
  }
}

EpochRule::Answer EpochRule::obey(std::uint64_t epoch, std::string_view lease_uid) {
  if (lease_uid == state_.lease_uid) {
    if (epoch < state_.highest) return Answer::kStale;
    state_.highest = epoch;
    return Answer::kObeyed;
  }
  const auto& past = state_.past_leases;
  if (std::find(past.begin(), past.end(), lease_uid) != past.end()) return Answer::kStale;
  if (!state_.lease_uid.empty()) state_.past_leases.insert(state_.past_leases.begin(), state_.lease_uid);
  if (state_.past_leases.size() > kMostPastLeases) state_.past_leases.pop_back();
  state_.lease_uid = lease_uid;
  state_.highest = epoch;
  return Answer::kObeyed;
}

}  // namespace sidestep::policy
