#include "lib/policy/verdict.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace sidestep::policy {
namespace {

constexpr double kCertainty = 2.576;  // standard normal quantile of 99.5 %, one-sided
constexpr std::uint64_t kFewestErrors =
    3;  // fewer may be a hiccup of the start, whatever the arithmetic says

struct Interval {
  double low;
  double high;
};

// Wilson's score interval: holds its level for small samples and rates near 0, where the usual one does not.
Interval wilson(const Sample& sample) {
  if (sample.requests == 0) return {0.0, 1.0};
  const double n = static_cast<double>(sample.requests);
  const double p = static_cast<double>(sample.errors) / n;
  const double z2 = kCertainty * kCertainty;
  const double centre = p + z2 / (2 * n);
  const double half = kCertainty * std::sqrt(p * (1 - p) / n + z2 / (4 * n * n));
  return {(centre - half) / (1 + z2 / n), (centre + half) / (1 + z2 / n)};
}

double rate_of(const Sample& sample) {
  return sample.requests == 0 ? 0.0
                              : static_cast<double>(sample.errors) / static_cast<double>(sample.requests);
}

// The candidate's rate less active's, at the least that chance leaves likely: both Wilson intervals joined.
double least_difference(const Sample& active, const Sample& candidate) {
  const double below = rate_of(candidate) - wilson(candidate).low;
  const double above = wilson(active).high - rate_of(active);
  return rate_of(candidate) - rate_of(active) - std::sqrt(below * below + above * above);
}

bool is_worse(const Sample& active, const Sample& candidate, double limit) {
  if (candidate.errors < kFewestErrors) return false;
  if (active.requests == 0) return wilson(candidate).low > limit;
  return rate_of(candidate) - rate_of(active) > limit && least_difference(active, candidate) > 0;
}

std::string percent(double rate) {
  char text[32];
  std::snprintf(text, sizeof text, "%.2f %%", rate * 100);
  return text;
}

std::string shown(const Sample& sample) {
  return std::to_string(sample.errors) + " of " + std::to_string(sample.requests) + " requests failed (" +
         percent(rate_of(sample)) + ")";
}

Judgement judge_errors(const Sample& active, const Sample& candidate, const Analysis& analysis) {
  const double limit = analysis.max_error_rate_per_ten_thousand / double{kWholeWeight};
  const std::string both = "candidate: " + shown(candidate) + ", active: " + shown(active);
  if (is_worse(active, candidate, limit))
    return {Verdict::kWorse, both + "; the limit is " + percent(limit) + " above active"};
  if (candidate.requests < static_cast<std::uint64_t>(analysis.minimum_requests)) {
    return {Verdict::kTooLittle,
            both + "; a verdict needs " + std::to_string(analysis.minimum_requests) + " requests"};
  }
  return {Verdict::kGood, both};
}

void add_sample(Sample& sum, const Sample& sample) {
  sum.requests += sample.requests;
  sum.errors += std::min(sample.errors, sample.requests);
}

}  // namespace

Judgement judge(const std::vector<SamplePair>& pods, const Analysis& analysis) {
  Sample active;
  Sample candidate;
  for (const SamplePair& pod : pods) add_sample(active, pod.active), add_sample(candidate, pod.candidate);
  Judgement judgement = judge_errors(active, candidate, analysis);
  if (judgement.verdict == Verdict::kWorse || !analysis.max_latency_increase_percent) return judgement;
  std::vector<LatencyPair> latencies;
  for (const SamplePair& pod : pods) latencies.push_back({pod.active.latency, pod.candidate.latency});
  const int limit = *analysis.max_latency_increase_percent;
  LatencyJudgement latency = compare_latency(latencies, limit, analysis.minimum_requests);
  if (latency.is_slower)
    return {Verdict::kWorse,
            "candidate: " + latency.why + "; the limit is " + std::to_string(limit) + " % above active",
            true};
  judgement.why += "; " + latency.why;
  return judgement;
}

}  // namespace sidestep::policy
