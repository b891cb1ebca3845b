// Metrics and webhooks of a policy: read strictly, written back as they were; which addresses may be called.
#include "lib/policy/analysis.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "lib/policy/spec.h"
#include "lib/policy/url.h"

namespace sidestep::policy {
namespace {

using ::testing::HasSubstr;

constexpr std::string_view kAsking = R"yaml(analysis:
  maxLatencyIncreasePercent: 50
  metrics:
  - name: error-ratio
    address: http://prometheus.monitoring:9090
    query: sum(rate(x[1m]))
    range: {min: 0, max: "0.01"}
    intervalSeconds: 10
    failureLimit: 2
    onNoData: Pass
  - {name: lag, address: "https://metrics.example/team/", query: lag, range: {max: 5}}
  webhooks:
  - {name: smoke, url: "https://ci.example/gate?team=a", when: Promote, timeoutSeconds: 5, failureLimit: 3}
)yaml";

std::string complaint(const std::string& analysis) {
  const auto spec = parse_policy("analysis: " + analysis, "p.yaml");
  return spec ? "" : spec.error().detail;
}

TEST(AnalysisSpecTest, EveryFieldIsReadAndWrittenBack) {
  const auto spec = parse_policy(kAsking, "p.yaml");
  ASSERT_TRUE(spec.has_value()) << spec.error().detail;
  const Analysis& analysis = spec->analysis;
  EXPECT_EQ(analysis.max_latency_increase_percent, 50);
  ASSERT_EQ(analysis.metrics.size(), 2u);
  const Metric& metric = analysis.metrics[0];
  EXPECT_EQ(metric.query, "sum(rate(x[1m]))");
  EXPECT_EQ(metric.min->value, 0);
  EXPECT_EQ(metric.max->value, 0.01);
  EXPECT_EQ(metric.interval, Seconds(10));
  EXPECT_EQ(metric.failure_limit, 2);
  EXPECT_EQ(metric.on_no_data, OnNoData::kPass);
  EXPECT_FALSE(analysis.metrics[1].min.has_value());
  EXPECT_EQ(analysis.metrics[1].interval, Seconds(30));
  EXPECT_EQ(analysis.metrics[1].on_no_data, OnNoData::kHold);
  ASSERT_EQ(analysis.webhooks.size(), 1u);
  EXPECT_EQ(analysis.webhooks[0].when, WebhookTime::kPromote);
  EXPECT_EQ(analysis.webhooks[0].timeout, Seconds(5));
  const std::string written = policy_to_json(*spec);
  const auto again = parse_policy(written, "again");
  ASSERT_TRUE(again.has_value()) << again.error().detail;
  EXPECT_EQ(policy_to_json(*again), written);
}

TEST(AnalysisSpecTest, WhatSaysNothingIsNotWrittenSoThatOlderSidecarsReadTheRest) {
  const std::string written = policy_to_json(PolicySpec{});
  for (const char* field : {"metrics", "webhooks", "maxLatencyIncreasePercent"})
    EXPECT_EQ(written.find(field), std::string::npos) << field;
}

TEST(AnalysisSpecTest, MistakesAreNamedWithTheirFix) {
  struct Row {
    std::string analysis;
    const char* says;
  };
  const std::string rest = R"(name: a, address: "http://p", query: q)";
  const Row rows[] = {
      {"{metrics: [{" + rest + "}]}", "analysis.metrics[0].range: absent: holds neither min nor max"},
      {"{metrics: [{" + rest + ", range: {max: 0.5}}]}", "write \"0.5\""},
      {"{metrics: [{" + rest + ", range: {max: \"1e3\"}}]}", "is no decimal number"},
      {"{metrics: [{" + rest + ", range: {max: \"5%\"}}]}", "is no decimal number"},
      {"{metrics: [{" + rest + ", range: {min: 2, max: 1}}]}", "is above max; write at most 1"},
      {"{metrics: [{" + rest + ", range: {max: 1}}, {" + rest + ", range: {max: 1}}]}",
       "stands in the list twice"},
      {"{metrics: [{name: A b, address: \"http://p\", query: q, range: {max: 1}}]}", "is no name"},
      {"{metrics: [{name: a, address: \"ftp://p\", query: q, range: {max: 1}}]}",
       "is no URL that can be called"},
      {"{metrics: [{name: a, address: \"http://u:p@h\", query: q, range: {max: 1}}]}", "without a user"},
      {"{metrics: [{name: a, address: \"http://p/?x=1\", query: q, range: {max: 1}}]}", "holds a '?'"},
      {"{metrics: [{name: a, address: \"http://p\", range: {max: 1}}]}", "query: absent: is empty"},
      {"{webhooks: [{name: a, url: \"http://p\", when: Sometimes}]}", "BeforeStart, EachStep, Promote"},
      {"{webhooks: [{name: a, url: \"http://p\", timeoutSeconds: 31}]}", "1 to 30"},
      {"{maxLatencyIncreasePercent: 0}", "1 to 10000"},
  };
  for (const Row& row : rows) EXPECT_THAT(complaint(row.analysis), HasSubstr(row.says)) << row.analysis;
}

TEST(DecimalTest, OnlyPlainDecimalsAreRead) {
  for (const char* good : {"0", "-1", "0.01", "123456789012345.123456789"}) {
    ASSERT_TRUE(parse_decimal(good).has_value()) << good;
    EXPECT_EQ(parse_decimal(good)->text, good);
  }
  for (const char* bad : {"", "-", "+1", ".5", "1.", "1e3", "0x1", "1,5", " 1", "1 ", "NaN", "Inf", "1m",
                          "1234567890123456", "0.1234567890"})
    EXPECT_FALSE(parse_decimal(bad).has_value()) << bad;
}

TEST(UrlTest, PartsAreReadAndOddOnesRefused) {
  const auto url = parse_url("HTTP://Prometheus.Monitoring/team/a?x=1");
  ASSERT_TRUE(url.has_value());
  EXPECT_EQ(url->origin(), "http://prometheus.monitoring:80");
  EXPECT_EQ(url->target, "/team/a?x=1");
  EXPECT_EQ(parse_url("https://[fd00::1]:8443")->origin(), "https://[fd00::1]:8443");
  for (const char* bad : {"", "http://", "http:///x", "file:///etc/passwd", "gopher://h", "http://a@b",
                          "http://h:0", "http://h:65536", "http://h:x", "http://h/#f", "http://h h",
                          "http://h\\@x", "http://h/a/../b", "http://h/%2e%2e/b", "http://h/a%2Fb",
                          "http://h//b", "http://h\r\nX: y", "http://[::1", "http://h%00"})
    EXPECT_FALSE(parse_url(bad).has_value()) << bad;
}

TEST(UrlTest, OnlyWhatIsListedIsAllowedAndAPathCountsFolderByFolder) {
  struct Row {
    const char* entry;
    const char* url;
    bool allowed;
  };
  const Row rows[] = {
      {"prometheus", "http://prometheus:9090", true},
      {"prometheus", "https://prometheus/x", true},
      {"prometheus", "http://prometheus.evil", false},
      {"prometheus", "http://eprometheus", false},
      {"prometheus:9090", "http://prometheus:9090/x", true},
      {"prometheus:9090", "http://prometheus:9091", false},
      {"http://prometheus:9090", "http://prometheus:9090/api", true},
      {"http://prometheus:9090", "https://prometheus:9090/api", false},
      {"http://prometheus:9090", "http://prometheus:9090.evil/", false},
      {"http://prometheus", "http://prometheus:80", true},
      {"http://gateway/team-a", "http://gateway/team-a", true},
      {"http://gateway/team-a", "http://gateway/team-a/x?y=1", true},
      {"http://gateway/team-a/", "http://gateway/team-a", true},
      {"http://gateway/team-a", "http://gateway/team-ab", false},
      {"http://gateway/team-a", "http://gateway/", false},
  };
  for (const Row& row : rows)
    EXPECT_EQ(parse_url(row.url) && is_allowed(*parse_url(row.url), {row.entry}), row.allowed)
        << row.entry << " " << row.url;
  EXPECT_FALSE(is_allowed(*parse_url("http://h"), {}));
  EXPECT_TRUE(is_allow_entry("h:1") && is_allow_entry("https://h/x"));
  EXPECT_FALSE(is_allow_entry("") || is_allow_entry("h/x") || is_allow_entry("ftp://h") ||
               is_allow_entry("*"));
}

}  // namespace
}  // namespace sidestep::policy
