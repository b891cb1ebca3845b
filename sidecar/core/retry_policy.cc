#include "sidecar/core/retry_policy.h"

#include <algorithm>

namespace sidestep::sidecar {

namespace {

bool provably_not_executed(const FailedAttempt& attempt) {
  if (attempt.failure == AttemptFailure::kConnectFailed) return true;
  if (attempt.failure == AttemptFailure::kRefusedStream) return true;
  return attempt.bytes_handed == 0;
}

std::int64_t second_of(TimePoint now) {
  return std::chrono::duration_cast<Seconds>(now.time_since_epoch()).count();
}

}  // namespace

RetryVerdict judge_retry(const FailedAttempt& attempt, RetryBudget& budget, TimePoint now) {
  if (attempt.answer_begun) return RetryVerdict::kFail;
  if (provably_not_executed(attempt)) {
    if (!attempt.replayable) return RetryVerdict::kFail;
    return attempt.attempts < kMostAttempts ? RetryVerdict::kAgain : RetryVerdict::kHold;
  }
  if (attempt.failure != AttemptFailure::kClosed) return RetryVerdict::kFail;
  if (!attempt.idempotent) return RetryVerdict::kAmbiguous;
  const bool may = attempt.replayable && attempt.attempts < kMostAttempts;
  return may && budget.try_take(now) ? RetryVerdict::kAgain : RetryVerdict::kFail;
}

RetryBudget::Bucket& RetryBudget::bucket(std::int64_t second) {
  Bucket& bucket = buckets_[static_cast<std::size_t>(second) % kSeconds];
  if (bucket.second != second) bucket = Bucket{second, 0, 0};
  return bucket;
}

void RetryBudget::count_request(TimePoint now) { ++bucket(second_of(now)).requests; }

bool RetryBudget::try_take(TimePoint now) {
  const std::int64_t second = second_of(now);
  Bucket& current = bucket(second);
  std::uint64_t requests = 0;
  std::uint64_t retries = 0;
  for (const Bucket& b : buckets_) {
    if (b.second <= second - static_cast<std::int64_t>(kSeconds) || b.second > second) continue;
    requests += b.requests;
    retries += b.retries;
  }
  const std::uint64_t most = std::max(floor_, requests * static_cast<std::uint64_t>(percent_) / 100);
  if (retries >= most) {
    ++refused_;
    return false;
  }
  ++current.retries;
  return true;
}

}  // namespace sidestep::sidecar
