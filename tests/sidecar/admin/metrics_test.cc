#include "sidecar/admin/metrics.h"

#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <regex>
#include <set>
#include <sstream>

namespace sidestep::sidecar {
namespace {

Snapshot busy() {
  Snapshot s;
  s.phase = Phase::kJudging;
  s.ready = true;
  s.active.emplace();
  s.active->generation = Generation{3};
  s.active->started_at = WallTime(Millis(1'764'000'000'125));
  s.active->weight_per_ten_thousand = 9'500;
  s.candidate = s.active;
  s.candidate->generation = Generation{4};
  s.candidate->weight_per_ten_thousand = 500;
  GenerationCounters g;
  g.generation = Generation{3};
  g.requests = 100;
  g.by_code_class[2] = 98;
  g.by_code_class[5] = 2;
  g.by_grpc_code[14] = 3;
  g.by_outcome[0] = 99;
  g.latency[0] = 90;
  g.latency[3] = 9;
  g.latency[kLatencyBuckets - 1] = 1;
  g.latency_sum_us = 2'500'000;
  g.in_flight = 7;
  s.counters.generations = {g};
  s.counters.held_now = 5;
  s.counters.longest_hold_us = 1'500'000;
  s.verdicts = {{ReloadPhase::kFailed, ReloadReason::kExitedEarly, 2}};
  s.restarts = 1;
  return s;
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

class MetricsTest : public ::testing::Test {
 protected:
  std::string line(const std::string& start) {
    for (const std::string& l : lines_of(text_)) {
      if (l.rfind(start, 0) == 0) return l;
    }
    return "absent";
  }
  const std::string text_ = metrics_text(busy(), {{{"unsigned", 4}, {"odd \"\\\n", 1}}, 6});
};

TEST_F(MetricsTest, SamplesAreThoseOfTheSnapshot) {
  EXPECT_EQ(line("sidestep_phase{phase=\"Judging\""), "sidestep_phase{phase=\"Judging\"} 1");
  EXPECT_EQ(line("sidestep_phase{phase=\"Serving\""), "sidestep_phase{phase=\"Serving\"} 0");
  EXPECT_EQ(line("sidestep_generation_start_time_seconds{"),
            "sidestep_generation_start_time_seconds{generation=\"3\",role=\"active\"} 1764000000.125");
  EXPECT_EQ(line("sidestep_generation_weight_ratio{generation=\"4\""),
            "sidestep_generation_weight_ratio{generation=\"4\",role=\"candidate\"} 0.05");
  EXPECT_EQ(line("sidestep_requests_total"), "sidestep_requests_total{generation=\"3\"} 100");
  EXPECT_EQ(line("sidestep_responses_total{generation=\"3\",code=\"5xx\""),
            "sidestep_responses_total{generation=\"3\",code=\"5xx\"} 2");
  EXPECT_EQ(line("sidestep_grpc_responses_total"),
            "sidestep_grpc_responses_total{generation=\"3\",code=\"UNAVAILABLE\"} 3");
  EXPECT_EQ(line("sidestep_requests_held "), "sidestep_requests_held 5");
  EXPECT_EQ(line("sidestep_longest_hold_seconds"), "sidestep_longest_hold_seconds 1.5");
  EXPECT_EQ(line("sidestep_reloads_total"),
            "sidestep_reloads_total{verdict=\"Failed\",reason=\"ExitedEarly\"} 2");
  EXPECT_EQ(line("sidestep_active_restarts_total"), "sidestep_active_restarts_total 1");
  EXPECT_EQ(line("sidestep_log_lines_dropped_total"), "sidestep_log_lines_dropped_total 6");
  EXPECT_EQ(line("sidestep_control_refused_total{reason=\"unsigned\""),
            "sidestep_control_refused_total{reason=\"unsigned\"} 4");
}

TEST_F(MetricsTest, LabelValuesAreEscaped) {
  EXPECT_EQ(line("sidestep_control_refused_total{reason=\"odd"),
            "sidestep_control_refused_total{reason=\"odd \\\"\\\\\\n\"} 1");
}

TEST_F(MetricsTest, HistogramIsCumulativeAndEndsInItsCount) {
  EXPECT_EQ(line("sidestep_request_duration_seconds_bucket{generation=\"3\",le=\"0.0001\""),
            "sidestep_request_duration_seconds_bucket{generation=\"3\",le=\"0.0001\"} 90");
  EXPECT_EQ(line("sidestep_request_duration_seconds_bucket{generation=\"3\",le=\"0.001\""),
            "sidestep_request_duration_seconds_bucket{generation=\"3\",le=\"0.001\"} 99");
  EXPECT_EQ(line("sidestep_request_duration_seconds_bucket{generation=\"3\",le=\"+Inf\""),
            "sidestep_request_duration_seconds_bucket{generation=\"3\",le=\"+Inf\"} 100");
  EXPECT_EQ(line("sidestep_request_duration_seconds_sum"),
            "sidestep_request_duration_seconds_sum{generation=\"3\"} 2.5");
  EXPECT_EQ(line("sidestep_request_duration_seconds_count"),
            "sidestep_request_duration_seconds_count{generation=\"3\"} 100");
}

// The rules of the text format that `promtool check metrics` enforces.
TEST_F(MetricsTest, TextFollowsTheFormatAndTheNamingRules) {
  const std::regex sample(
      R"re(([a-z_]+)(\{([a-z_]+="([^"\\\n]|\\.)*")(,[a-z_]+="([^"\\\n]|\\.)*")*\})? [0-9.e+]+)re");
  std::map<std::string, std::string> types;
  std::set<std::string> series;
  std::string helped;
  for (const std::string& l : lines_of(text_)) {
    std::istringstream words(l);
    std::string hash, what, name, type;
    if (l.rfind("# ", 0) == 0) {
      words >> hash >> what >> name >> type;
      if (what == "HELP") {
        helped = name;
        continue;
      }
      EXPECT_EQ(name, helped);
      EXPECT_TRUE(types.emplace(name, type).second) << name;
      continue;
    }
    std::smatch match;
    ASSERT_TRUE(std::regex_match(l, match, sample)) << l;
    EXPECT_TRUE(series.insert(l.substr(0, l.rfind(' '))).second) << l;
    const std::string family = match[1].str().substr(0, helped.size());
    EXPECT_EQ(family, helped) << "a sample outside its family";
  }
  for (const auto& [name, type] : types) {
    EXPECT_EQ(name.rfind("sidestep_", 0), 0U);
    EXPECT_EQ(type == "counter", name.size() > 6 && name.substr(name.size() - 6) == "_total") << name;
  }
  EXPECT_EQ(types.size(), metric_names().size());
}

}  // namespace
}  // namespace sidestep::sidecar
