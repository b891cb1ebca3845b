// The operator's counters, and all of its numbers as Prometheus text (exposition format 0.0.4), under the
// names that dashboards for controllers expect. Threads: any.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <utility>

#include "lib/base/clock.h"
#include "lib/k8s/work_queue.h"

namespace sidestep::op {

// What is read when the text is made.
struct MetricsInputs {
  std::map<std::pair<std::string, std::string>, std::uint64_t> requests;  // (method, code)
  k8s::QueueCounts queue;
  std::string lease = {};
  bool is_leading = false;
  std::uint64_t epoch = 0;
  std::size_t pods = 0;
  std::size_t policies = 0;
  std::uint64_t dropped_events = 0;
  std::uint64_t dropped_log_lines = 0;
  std::map<std::string, std::uint64_t> refusals = {};  // of the doors, by reason
  std::map<int, std::uint64_t> webhook_requests = {};  // by status code
};

class Metrics {
 public:
  // `result` is one of success, requeue, requeue_after, error.
  void reconciled(const std::string& result, Millis took);
  std::string text(const MetricsInputs& inputs) const;

 private:
  static constexpr std::array<double, 9> kBounds{0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10, 60};  // seconds
  mutable std::mutex mutex_;
  // Guarded by mutex_.
  std::map<std::string, std::uint64_t> results_;
  std::array<std::uint64_t, kBounds.size() + 1> buckets_{};
  double seconds_ = 0;
};

}  // namespace sidestep::op
