// What a Prometheus server (HTTP API v1, "Instant queries") and a webhook answered, read strictly. Pure.
#pragma once

#include <optional>
#include <string>

#include "lib/k8s/transport.h"
#include "operator/core/plan.h"

namespace sidestep::op {

struct MetricAnswer {
  std::optional<double> value;  // absent: no data
  std::string message;          // why
};

// A scalar, or a vector of one element. NaN (a ratio of nothing and nothing) is no data.
MetricAnswer metric_answer(const Result<k8s::Response>& answer);

struct WebhookAnswer {
  bool passed = false;  // status 2xx
  std::string message;  // the member "reason" of a JSON object, or the first line of a text; else the status
};
WebhookAnswer webhook_answer(const Result<k8s::Response>& answer);

k8s::Request request_of(const MeasureMetric& question);
k8s::Request request_of(const CallWebhook& question, const std::string& name_space,
                        const std::string& policy);

}  // namespace sidestep::op
