#include "lib/policy/latency.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <numeric>

namespace sidestep::policy {
namespace {

constexpr double kWelchQuantile = 2.576;  // standard normal, 99.5 %, one-sided
constexpr double kLeastDifferenceUs = 1'000;
constexpr double kLongestAnswerUs = 240'000'000;  // what an answer beyond the last bound counts as

struct Moments {
  double count = 0;
  double mean = 0;
  double variance = 0;  // at most; of one answer
};

// The largest sum of squares that the buckets and the sum allow: all at the lower bounds of their buckets,
// then as many at the upper ones as make the sum whole, the highest first.
double most_squares(const Latency& latency) {
  const auto bound = [](std::size_t i) {
    return i < kLatencyBounds.size() ? static_cast<double>(kLatencyBounds[i]) : kLongestAnswerUs;
  };
  double left = static_cast<double>(latency.sum_us);
  double squares = 0;
  for (std::size_t i = 1; i < kLatencyBuckets; ++i) {
    left -= static_cast<double>(latency.buckets[i]) * bound(i - 1);
    squares += static_cast<double>(latency.buckets[i]) * bound(i - 1) * bound(i - 1);
  }
  for (std::size_t i = kLatencyBuckets; i-- > 0 && left > 0;) {
    const double low = i == 0 ? 0 : bound(i - 1);
    const double moved = std::min(left, static_cast<double>(latency.buckets[i]) * (bound(i) - low));
    squares += moved * (bound(i) + low);
    left -= moved;
  }
  return squares;
}

Moments moments_of(const Latency& latency) {
  Moments out;
  out.count = static_cast<double>(latency.count());
  if (out.count == 0) return out;
  out.mean = static_cast<double>(latency.sum_us) / out.count;
  out.variance = std::max(0.0, most_squares(latency) / out.count - out.mean * out.mean);
  return out;
}

std::string milliseconds(double micros) {
  char text[32];
  std::snprintf(text, sizeof text, "%.1f ms", micros / 1'000);
  return text;
}

}  // namespace

std::uint64_t Latency::count() const {
  return std::accumulate(buckets.begin(), buckets.end(), std::uint64_t{0});
}

LatencyJudgement compare_latency(const std::vector<LatencyPair>& pods, int max_increase_percent,
                                 int minimum_requests) {
  const double factor = 1 + max_increase_percent / 100.0;
  double all_active = 0, all_candidate = 0;
  double active_mean = 0, candidate_mean = 0, variance = 0;
  for (const LatencyPair& pod : pods) {
    const Moments active = moments_of(pod.active);
    const Moments candidate = moments_of(pod.candidate);
    if (active.count == 0 || candidate.count == 0) continue;
    all_active += active.count;
    all_candidate += candidate.count;
    active_mean += candidate.count * active.mean;
    candidate_mean += candidate.count * candidate.mean;
    variance += candidate.count * candidate.count *
                (candidate.variance / candidate.count + factor * factor * active.variance / active.count);
  }
  if (std::min(all_active, all_candidate) < minimum_requests)
    return {false, "too few answers of both to compare how long they take"};
  active_mean /= all_candidate;
  candidate_mean /= all_candidate;
  const double chance = kWelchQuantile * std::sqrt(variance) / all_candidate;
  const bool is_slower =
      candidate_mean - factor * active_mean > chance && candidate_mean - active_mean > kLeastDifferenceUs;
  return {is_slower,
          "answers take " + milliseconds(candidate_mean) + ", active's " + milliseconds(active_mean)};
}

}  // namespace sidestep::policy
