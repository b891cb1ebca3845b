// Compares how long a candidate's answers take with active's, by histograms. Pure.
//
// "Slower" needs three things at once: the candidate's mean is above active's by more than the limit, beyond
// what chance explains (Welch's test of the difference from the limit, one-sided, 99.5 %); by more than a
// millisecond; and enough answers of both. Pods are compared one by one and their differences weighed by the
// candidate's answers, so that a slow node, which both share, says nothing about either.
//
// The means are exact, since sums are counted. Of the spread only the histogram is known, and it is taken to
// be as wide as sum and buckets allow, which errs towards "not slower". A few slow answers, such as a start
// has, are chance for this test whatever they took: of fifty and more it takes six.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

namespace sidestep::policy {

inline constexpr std::size_t kLatencyBuckets = 20;
// Upper bounds in microseconds; the last bucket has none.
inline constexpr std::array<std::uint64_t, kLatencyBuckets - 1> kLatencyBounds{
    100,       250,        500,        1'000,      2'500,      5'000,     10'000,
    25'000,    50'000,     100'000,    250'000,    500'000,    1'000'000, 2'500'000,
    5'000'000, 10'000'000, 30'000'000, 60'000'000, 120'000'000};

struct Latency {
  std::array<std::uint64_t, kLatencyBuckets> buckets{};
  std::uint64_t sum_us = 0;

  std::uint64_t count() const;
  bool operator==(const Latency&) const = default;
};

// Of one pod.
struct LatencyPair {
  Latency active;
  Latency candidate;
};

struct LatencyJudgement {
  bool is_slower = false;
  std::string why;  // both means, or that there is too little to compare
};

LatencyJudgement compare_latency(const std::vector<LatencyPair>& pods, int max_increase_percent,
                                 int minimum_requests);

}  // namespace sidestep::policy
