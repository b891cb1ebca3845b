#include "operator/cli/render_analysis.h"

namespace sidestep::op::cli {

std::vector<std::string> analysis_sentences(const api::ReloadStatus& status) {
  std::vector<std::string> sentences;
  for (const api::MetricState& metric : status.metrics) {
    std::string text = "metric " + metric.name + " is ";
    if (!metric.value.empty()) text += metric.value + ", ";
    text += metric.verdict;
    if (!metric.message.empty()) text += ": " + metric.message;
    if (metric.failures > 0)
      text += " (" + std::to_string(metric.failures) + " of " + std::to_string(metric.measurements) +
              " measurements failed)";
    sentences.push_back(std::move(text));
  }
  for (const api::WebhookState& webhook : status.webhooks) {
    std::string text = "webhook " + webhook.name + (webhook.passed ? " said yes" : " did not say yes");
    if (!webhook.message.empty()) text += ": " + webhook.message;
    sentences.push_back(std::move(text));
  }
  return sentences;
}

std::string metrics_in_short(const api::ReloadStatus& status) {
  std::string text;
  for (const api::MetricState& metric : status.metrics) {
    text += (text.empty() ? "" : ", ") + metric.name;
    if (!metric.value.empty()) text += " " + metric.value;
    text += " " + metric.verdict;
  }
  return text;
}

}  // namespace sidestep::op::cli
