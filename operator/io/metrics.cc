#include "operator/io/metrics.h"

#include <algorithm>
#include <sstream>

namespace sidestep::op {
namespace {

constexpr const char* kController = "controller=\"reloadpolicy\"";

void head(std::ostream& out, const char* name, const char* type, const char* help) {
  out << "# HELP " << name << ' ' << help << "\n# TYPE " << name << ' ' << type << '\n';
}

template <typename T>
void single(std::ostream& out, const char* name, const char* type, const char* help, T value,
            const std::string& labels = {}) {
  head(out, name, type, help);
  out << name << (labels.empty() ? "" : "{" + labels + "}") << ' ' << value << '\n';
}

void queue_text(std::ostream& out, const k8s::QueueCounts& queue) {
  const std::string name = "name=\"reloadpolicy\"";
  single(out, "workqueue_depth", "gauge", "Names that wait for a worker.", queue.depth, name);
  single(out, "workqueue_adds_total", "counter", "Names put into the queue.", queue.adds, name);
  single(out, "workqueue_retries_total", "counter", "Names that come again after a failure.", queue.retries,
         name);
  single(out, "controller_runtime_active_workers", "gauge", "Names being worked on.", queue.working,
         kController);
}

}  // namespace

void Metrics::reconciled(const std::string& result, Millis took) {
  const double seconds = std::chrono::duration<double>(took).count();
  const auto bucket = std::lower_bound(kBounds.begin(), kBounds.end(), seconds) - kBounds.begin();
  const std::lock_guard lock(mutex_);
  ++results_[result];
  ++buckets_[static_cast<std::size_t>(bucket)];
  seconds_ += seconds;
}

std::string Metrics::text(const MetricsInputs& inputs) const {
  std::ostringstream out;
  {
    const std::lock_guard lock(mutex_);
    head(out, "controller_runtime_reconcile_total", "counter", "Decisions by how they ended.");
    for (const char* result : {"error", "requeue", "requeue_after", "success"}) {
      const auto found = results_.find(result);
      out << "controller_runtime_reconcile_total{" << kController << ",result=\"" << result << "\"} "
          << (found == results_.end() ? 0 : found->second) << '\n';
    }
    head(out, "controller_runtime_reconcile_time_seconds", "histogram", "Time from taking a name to done.");
    std::uint64_t sum = 0;
    const std::string name =
        std::string("controller_runtime_reconcile_time_seconds_bucket{") + kController + ",le=\"";
    for (std::size_t i = 0; i < kBounds.size(); ++i)
      out << name << kBounds[i] << "\"} " << (sum += buckets_[i]) << '\n';
    sum += buckets_.back();
    out << name << "+Inf\"} " << sum << '\n'
        << "controller_runtime_reconcile_time_seconds_sum{" << kController << "} " << seconds_ << '\n'
        << "controller_runtime_reconcile_time_seconds_count{" << kController << "} " << sum << '\n';
  }
  head(out, "rest_client_requests_total", "counter", "Calls of the Kubernetes API by method and status.");
  for (const auto& [key, count] : inputs.requests)
    out << "rest_client_requests_total{method=\"" << key.first << "\",code=\"" << key.second << "\"} "
        << count << '\n';
  queue_text(out, inputs.queue);
  single(out, "leader_election_master_status", "gauge", "1 while this process leads.",
         inputs.is_leading ? 1 : 0, "name=\"" + inputs.lease + "\"");
  single(out, "sidestep_operator_epoch", "gauge", "Epoch of this leadership; 0 when not leading.",
         inputs.epoch);
  single(out, "sidestep_operator_policies", "gauge", "ReloadPolicies known.", inputs.policies);
  single(out, "sidestep_operator_pods", "gauge", "Pods in the cache.", inputs.pods);
  single(out, "sidestep_operator_events_dropped_total", "counter", "Events that were not stored.",
         inputs.dropped_events);
  single(out, "sidestep_operator_log_lines_dropped_total", "counter", "Log lines nobody read in time.",
         inputs.dropped_log_lines);
  head(out, "sidestep_operator_door_refused_total", "counter", "Requests that the door refused, by reason.");
  for (const auto& [reason, count] : inputs.refusals)
    out << "sidestep_operator_door_refused_total{reason=\"" << reason << "\"} " << count << '\n';
  head(out, "controller_runtime_webhook_requests_total", "counter", "Calls of the webhook by status.");
  for (const auto& [code, count] : inputs.webhook_requests)
    out << "controller_runtime_webhook_requests_total{webhook=\"/inject\",code=\"" << code << "\"} " << count
        << '\n';
  return out.str();
}

}  // namespace sidestep::op
