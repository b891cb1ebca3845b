#include "lib/policy/spec_analysis.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "lib/policy/spec_names.h"
#include "lib/policy/url.h"

namespace sidestep::policy {
namespace {

constexpr std::size_t kMostNameBytes = 63;

template <typename Named>
void read_entry_name(Fields& fields, const std::vector<Named>& before, std::string& out) {
  fields.text("name", out, kMostNameBytes);
  const auto good = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'; };
  if (out.empty() || !std::all_of(out.begin(), out.end(), good))
    fields.complain("name", "is no name; write lower-case letters, digits and '-', for instance error-ratio");
  fields.distinct("name", before, [&](const Named& other) { return other.name == out; });
}

void read_url(Fields& fields, const char* name, bool has_query, std::string& out) {
  fields.text(name, out, kMostUrlBytes);
  const auto url = parse_url(out);
  if (!url)
    fields.complain(name,
                    "is no URL that can be called; write for instance http://prometheus.monitoring:9090, "
                    "without a user, a fragment or '..'");
  else if (!has_query && out.find('?') != out.npos)
    fields.complain(name, "holds a '?'; the query stands in the field query");
}

void read_bound(Fields& range, const char* name, std::optional<Decimal>& out) {
  const Value* value = range.find(name);
  std::string text;
  if (!range.text(name, text, 32)) return;
  if (!value->quoted && text.find('.') != text.npos)
    return range.complain(*value, name,
                          "is a fraction without quotes, which the API refuses; write \"" + text + "\"");
  out = parse_decimal(text);
  if (!out)
    range.complain(name, "is no decimal number; write for instance \"0.01\", without an exponent or a unit");
}

void read_range(Fields& metric, Metric& out) {
  Fields range = metric.child("range");
  read_bound(range, "min", out.min);
  read_bound(range, "max", out.max);
  const bool is_set = range.find("min") != nullptr || range.find("max") != nullptr;
  range.finish();
  if (!is_set)
    metric.complain("range", "holds neither min nor max; write for instance range: {max: \"0.01\"}");
  if (out.min && out.max && out.min->value > out.max->value)
    range.complain("min", "is above max; write at most " + out.max->text);
}

void read_metrics(Fields& analysis, Mistakes& mistakes, std::vector<Metric>& out) {
  for (const auto& [item, place] : analysis.list("metrics", kMostMetrics)) {
    Metric metric;
    Fields fields(*item, place, mistakes);
    read_entry_name(fields, out, metric.name);
    read_url(fields, "address", false, metric.address);
    fields.text("query", metric.query, kMostQueryBytes);
    if (metric.query.empty()) fields.complain("query", "is empty; write PromQL that gives one number");
    read_range(fields, metric);
    fields.seconds("intervalSeconds", metric.interval, {1, 3600});
    fields.number("failureLimit", metric.failure_limit, {0, 100});
    fields.one_of("onNoData", metric.on_no_data, kOnNoDatas);
    fields.finish();
    out.push_back(std::move(metric));
  }
}

void read_webhooks(Fields& analysis, Mistakes& mistakes, std::vector<AnalysisWebhook>& out) {
  for (const auto& [item, place] : analysis.list("webhooks", kMostWebhooks)) {
    AnalysisWebhook webhook;
    Fields fields(*item, place, mistakes);
    read_entry_name(fields, out, webhook.name);
    read_url(fields, "url", true, webhook.url);
    fields.one_of("when", webhook.when, kWebhookTimes);
    fields.seconds("timeoutSeconds", webhook.timeout, {1, 30});
    fields.number("failureLimit", webhook.failure_limit, {0, 100});
    fields.finish();
    out.push_back(std::move(webhook));
  }
}

nlohmann::ordered_json metric_json(const Metric& metric) {
  auto range = nlohmann::ordered_json::object();
  if (metric.min) range["min"] = metric.min->text;
  if (metric.max) range["max"] = metric.max->text;
  return {{"name", metric.name},
          {"address", metric.address},
          {"query", metric.query},
          {"range", std::move(range)},
          {"intervalSeconds", metric.interval.count()},
          {"failureLimit", metric.failure_limit},
          {"onNoData", name_of(metric.on_no_data, kOnNoDatas)}};
}

nlohmann::ordered_json webhook_json(const AnalysisWebhook& webhook) {
  return {{"name", webhook.name},
          {"url", webhook.url},
          {"when", name_of(webhook.when, kWebhookTimes)},
          {"timeoutSeconds", webhook.timeout.count()},
          {"failureLimit", webhook.failure_limit}};
}

}  // namespace

void read_analysis(Fields& spec, Mistakes& mistakes, Analysis& out) {
  Fields fields = spec.child("analysis");
  fields.number("maxErrorRatePerTenThousand", out.max_error_rate_per_ten_thousand, {0, kWholeWeight});
  std::int64_t percent = 0;
  if (fields.number("maxLatencyIncreasePercent", percent, {1, 10'000}))
    out.max_latency_increase_percent = static_cast<int>(percent);
  fields.number("minimumRequests", out.minimum_requests, {1, 1'000'000});
  fields.one_of("onNoTraffic", out.on_no_traffic, kOnNoTraffics);
  read_metrics(fields, mistakes, out.metrics);
  read_webhooks(fields, mistakes, out.webhooks);
  fields.finish();
}

// What says nothing is left out, so that older sidecars read the rest.
nlohmann::ordered_json analysis_json(const Analysis& analysis) {
  nlohmann::ordered_json out{{"maxErrorRatePerTenThousand", analysis.max_error_rate_per_ten_thousand},
                             {"minimumRequests", analysis.minimum_requests},
                             {"onNoTraffic", name_of(analysis.on_no_traffic, kOnNoTraffics)}};
  if (analysis.max_latency_increase_percent)
    out["maxLatencyIncreasePercent"] = *analysis.max_latency_increase_percent;
  for (const Metric& metric : analysis.metrics) out["metrics"].push_back(metric_json(metric));
  for (const AnalysisWebhook& webhook : analysis.webhooks) out["webhooks"].push_back(webhook_json(webhook));
  return out;
}

}  // namespace sidestep::policy
