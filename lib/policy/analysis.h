// When a candidate counts as worse than active: `analysis` of a policy as plain structs. The first fields are
// what each sidecar judges by itself, and the operator over the fleet; metrics and webhooks are asked by the
// operator alone, and a sidecar is never told of them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "lib/base/clock.h"
#include "lib/policy/decimal.h"

namespace sidestep::policy {

enum class OnNoTraffic : std::uint8_t { kHold, kPass };

inline constexpr std::size_t kMostMetrics = 10;
inline constexpr std::size_t kMostWebhooks = 10;
inline constexpr std::size_t kMostUrlBytes = 1024;
inline constexpr std::size_t kMostQueryBytes = 4096;

enum class OnNoData : std::uint8_t {
  kHold,  // the step waits for data, until the progress deadline
  kFail,  // counts as a failed measurement
  kPass,  // counts as nothing; the step says NoData
};

// A number that a Prometheus query gives, and the range in which it must stay.
struct Metric {
  std::string name;
  std::string address;         // of the server, http or https, perhaps with a path
  std::string query;           // PromQL that gives one number: a scalar, or a vector of one element
  std::optional<Decimal> min;  // at least one of the two
  std::optional<Decimal> max;
  Seconds interval{30};   // 1..3600
  int failure_limit = 0;  // measurements out of range that a reload bears; 0..100
  OnNoData on_no_data = OnNoData::kHold;
};

enum class WebhookTime : std::uint8_t {
  kBeforeStart,  // before the first candidate starts
  kEachStep,     // at the end of each step
  kPromote,      // when every step is done, before anything is promoted
};

// An HTTP server that is asked whether the reload may go on.
struct AnalysisWebhook {
  std::string name;
  std::string url;
  WebhookTime when = WebhookTime::kEachStep;
  Seconds timeout{10};    // 1..30
  int failure_limit = 0;  // calls in a row that fail before the reload does; 0..100
};

struct Analysis {
  int max_error_rate_per_ten_thousand = 100;        // by which candidate may be worse than active; 0..10000
  std::optional<int> max_latency_increase_percent;  // of the mean; 1..10000; absent: not compared
  int minimum_requests = 50;                        // of the candidate, before a verdict; 1..1000000
  OnNoTraffic on_no_traffic = OnNoTraffic::kPass;   // when a step's pause ended with fewer requests than that
  std::vector<Metric> metrics;
  std::vector<AnalysisWebhook> webhooks;
};

}  // namespace sidestep::policy
