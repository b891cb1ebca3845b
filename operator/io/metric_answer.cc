#include "operator/io/metric_answer.h"

#include <charconv>
#include <cmath>
#include <nlohmann/json.hpp>

#include "lib/k8s/json_fields.h"
#include "lib/policy/url.h"

namespace sidestep::op {
namespace {

using Json = nlohmann::json;
using k8s::field;
using k8s::text_field;

constexpr std::size_t kMostAnswerBytes = 64u << 10;
constexpr Millis kMetricTimeout{10'000};

// "0.5", "1e-05", "+Inf", "NaN": as Prometheus writes numbers.
std::optional<double> number_from(std::string_view text) {
  if (text.starts_with('+')) text.remove_prefix(1);
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// [1435781451.781, "1"]
MetricAnswer from_sample(const Json& sample) {
  if (!sample.is_array() || sample.size() != 2 || !sample[1].is_string())
    return {std::nullopt, "the server's answer holds no sample"};
  const std::string text = sample[1].get<std::string>();
  const auto value = number_from(text);
  if (!value) return {std::nullopt, "\"" + text.substr(0, 64) + "\" is no number"};
  if (std::isnan(*value)) return {std::nullopt, "the query gives NaN"};
  return {value, ""};
}

MetricAnswer from_vector(const Json& result) {
  if (result.empty()) return {std::nullopt, "the query gives nothing"};
  if (result.size() > 1)
    return {std::nullopt, "the query gives " + std::to_string(result.size()) +
                              " series; aggregate them, for instance by sum()"};
  return from_sample(field(result[0], "value"));
}

// The first line, without what a terminal would obey.
std::string one_line(std::string_view text) {
  std::string line(text.substr(0, std::min<std::size_t>(text.find('\n'), 512)));
  for (char& c : line)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = ' ';
  return line;
}

k8s::Request request_to(const std::string& address) {
  k8s::Request request;
  request.max_body = kMostAnswerBytes;
  const auto url = policy::parse_url(address);
  if (!url) return request;  // spec.cc lets none of these through
  request.origin = url->origin();
  request.target = url->target;
  return request;
}

}  // namespace

MetricAnswer metric_answer(const Result<k8s::Response>& answer) {
  if (!answer) return {std::nullopt, one_line(answer.error().detail)};
  const Json root = Json::parse(answer->body, nullptr, false);
  const std::string status = "status " + std::to_string(answer->status);
  if (const std::string error = text_field(root, "error"); !error.empty())
    return {std::nullopt, status + ": " + one_line(error)};
  if (answer->status / 100 != 2) return {std::nullopt, status};
  const Json& data = field(root, "data");
  const Json& result = field(data, "result");
  const std::string type = text_field(data, "resultType");
  if (text_field(root, "status") != "success" || !result.is_array())
    return {std::nullopt, "the server's answer is not one of Prometheus' HTTP API"};
  if (type == "scalar") return from_sample(result);
  if (type == "vector") return from_vector(result);
  return {std::nullopt, "the query gives a " + one_line(type) + "; write one that gives a number"};
}

WebhookAnswer webhook_answer(const Result<k8s::Response>& answer) {
  if (!answer) return {false, one_line(answer.error().detail)};
  const bool passed = answer->status / 100 == 2;
  const Json root = Json::parse(answer->body, nullptr, false);
  std::string reason = root.is_object() ? one_line(text_field(root, "reason")) : std::string();
  if (reason.empty() && root.is_discarded()) reason = one_line(answer->body);
  const std::string status = "status " + std::to_string(answer->status);
  if (passed) return {true, reason};
  return {false, status + (reason.empty() ? "" : ": " + reason)};
}

k8s::Request request_of(const MeasureMetric& question) {
  k8s::Request request = request_to(question.address);
  while (request.target.ends_with('/')) request.target.pop_back();
  request.target += "/api/v1/query?query=" + k8s::url_encode(question.query);
  request.headers = {{"Accept", "application/json"}};
  request.timeout = kMetricTimeout;
  return request;
}

k8s::Request request_of(const CallWebhook& question, const std::string& name_space,
                        const std::string& policy) {
  k8s::Request request = request_to(question.url);
  if (request.target.empty()) request.target = "/";
  request.method = "POST";
  request.headers = {{"Content-Type", "application/json"}};
  request.timeout = question.timeout;
  const Json body = {{"id", question.key},      {"webhook", question.name}, {"when", question.when},
                     {"namespace", name_space}, {"policy", policy},         {"reload", question.reload},
                     {"step", question.step}};
  request.body = body.dump();
  return request;
}

}  // namespace sidestep::op
