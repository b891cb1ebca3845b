// Policy texts in, structs or a list of mistakes out.
#include "lib/policy/spec.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ostream>

namespace sidestep::policy {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

PolicySpec good(std::string_view text) {
  auto spec = parse_policy(text, "p.yaml");
  EXPECT_TRUE(spec.has_value()) << spec.error().detail;
  return spec ? *spec : PolicySpec{};
}

std::string mistakes(std::string_view text) {
  const auto spec = parse_policy(text, "p.yaml");
  EXPECT_FALSE(spec.has_value()) << text;
  return spec ? "" : spec.error().detail;
}

std::size_t lines(const std::string& text) {
  return static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n')) + 1;
}

constexpr std::string_view kWhole = R"(apiVersion: sidestep.dev/v1alpha1
kind: ReloadPolicy
metadata: {name: shop, namespace: prod, labels: {anything: goes}}
spec:
  targetRef: {apiVersion: apps/v1, kind: Deployment, name: shop}
  suspend: true
  listen: socket
  strategy: {type: Overlap, overlap: {onMemoryPressure: Ignore, rollbackWindowSeconds: 300}}
  rollout:
    steps:
    - {pods: 1, weightPerTenThousand: 500, pauseSeconds: 30}
    - {pods: 25%, weightPerTenThousand: 5000}
    - {pods: "100%"}
    maxConcurrentPods: 2
    progressDeadlineSeconds: 60
  readiness: {httpGet: {path: /readyz, host: shop.example}, successThreshold: 2, failureThreshold: 5, periodMilliseconds: 50, timeoutSeconds: 2, startDeadlineSeconds: 9}
  drain: {http: {timeoutSeconds: 7}, webSocket: {policy: CloseWith, closeCode: 4000, timeoutSeconds: 8}, maxRetiring: 3, rollbackDrainSeconds: 4}
  hold: {maxRequests: 10, maxBytes: 1Gi, timeoutSeconds: 5}
  analysis: {maxErrorRatePerTenThousand: 7, minimumRequests: 9, onNoTraffic: Hold}
  config: [{path: /etc/shop/a.yaml}, {path: /etc/shop/tls, mode: Live}]
  shutdown: {gracePeriodSeconds: 60, endpointsGraceSeconds: 4, appStopSeconds: 6}
  exposeGeneration: true
  reportOutput: true
  historyLimit: 3
  guards: {minimumIntervalSeconds: 300}
  priority: 7
  dependsOn: [db, cache]
status: {observedGeneration: 3}
)";

TEST(SpecTest, EmptyTextGivesTheDefaults) {
  EXPECT_EQ(policy_to_json(good("")), policy_to_json(PolicySpec{}));
  EXPECT_EQ(policy_to_json(good("apiVersion: sidestep.dev/v1alpha1\nkind: ReloadPolicy\n")),
            policy_to_json(PolicySpec{}));
}

TEST(SpecTest, EveryFieldIsRead) {
  const PolicySpec spec = good(kWhole);
  EXPECT_EQ(spec.target_ref->name, "shop");
  EXPECT_TRUE(spec.suspend);
  EXPECT_EQ(spec.listen, ListenKind::kSocket);
  EXPECT_EQ(spec.strategy.on_memory_pressure, OnMemoryPressure::kIgnore);
  EXPECT_EQ(spec.strategy.rollback_window, Seconds(300));
  ASSERT_EQ(spec.rollout.steps.size(), 3u);
  EXPECT_EQ(spec.rollout.steps[0].pods, (PodAmount{1, false}));
  EXPECT_EQ(spec.rollout.steps[0].pause, Seconds(30));
  EXPECT_EQ(spec.rollout.steps[1].pods, (PodAmount{25, true}));
  EXPECT_EQ(spec.rollout.steps[2].weight_per_ten_thousand, kWholeWeight);
  EXPECT_EQ(spec.rollout.max_concurrent_pods, (PodAmount{2, false}));
  EXPECT_EQ(spec.readiness.kind, ProbeKind::kHttpGet);
  EXPECT_EQ(spec.readiness.period, Millis(50));
  EXPECT_EQ(spec.readiness.timeout, Millis(2000));
  EXPECT_EQ(spec.drain.web_socket_close_code, 4000);
  EXPECT_EQ(spec.hold.max_bytes, std::int64_t{1} << 30);
  EXPECT_EQ(spec.analysis.on_no_traffic, OnNoTraffic::kHold);
  EXPECT_EQ(spec.config[1].mode, SnapshotMode::kLive);
  EXPECT_EQ(spec.shutdown.app_stop, Seconds(6));
  EXPECT_EQ(spec.history_limit, 3);
  EXPECT_EQ(spec.guards.minimum_interval, Seconds(300));
  EXPECT_EQ(spec.priority, 7);
  EXPECT_EQ(spec.depends_on, (std::vector<std::string>{"db", "cache"}));
}

TEST(SpecTest, JsonOutputReadsBackToTheSameValue) {
  for (const std::string_view text : {kWhole, std::string_view("selector: {matchLabels: {b: x, a: \"1\"}}"),
                                      std::string_view("strategy: {type: Hold}"), std::string_view("")}) {
    const std::string json = policy_to_json(good(text));
    EXPECT_EQ(policy_to_json(good(json)), json);
  }
}

TEST(SpecTest, JsonIsReadAsWellAsYaml) {
  EXPECT_EQ(good("{\"hold\":\t{\"maxRequests\": 5,\n\"maxBytes\": 8192}}").hold.max_requests, 5);
}

TEST(SpecTest, EveryMistakeIsReportedAtOnceWithLinePlaceValueAndFix) {
  const std::string text = mistakes(
      "spec:\n"
      "  readiness: {periodSeconds: 0}\n"
      "  hold:\n"
      "    maxBytes: 16Q\n"
      "  analysis: {onNoTraffic: Maybe}\n"
      "apiVersion: sidestep.dev/v1alpha1\n"
      "kind: ReloadPolicy\n");
  EXPECT_EQ(lines(text), 3u) << text;
  EXPECT_THAT(
      text,
      StartsWith("p.yaml:2: spec.readiness.periodSeconds: 0: is out of range; write a number from 1 to 300"));
  EXPECT_THAT(
      text,
      HasSubstr("p.yaml:4: spec.hold.maxBytes: 16Q: is not a number of bytes; write for instance 16Mi"));
  EXPECT_THAT(text, HasSubstr("p.yaml:5: spec.analysis.onNoTraffic: Maybe: is none of the known values; "
                              "write one of Hold, Pass"));
}

TEST(SpecTest, UnknownFieldsAreMistakesWithTheNearestName) {
  EXPECT_THAT(mistakes("rediness: {}"),
              HasSubstr("rediness: {map}: is not a known field; did you mean \"readiness\"?"));
  EXPECT_THAT(mistakes("rollout: {steps: [{weight: 5}]}"), HasSubstr("rollout.steps[0].weight: 5"));
  EXPECT_THAT(mistakes("rollout: {steps: [{weight: 5}]}"),
              HasSubstr("did you mean \"weightPerTenThousand\"?"));
  EXPECT_THAT(mistakes("wibble: 1"), HasSubstr("remove it"));
  EXPECT_THAT(mistakes("kind: ReloadPolicy\napiVersion: sidestep.dev/v1alpha1\nhold: {}"),
              HasSubstr("p.yaml:3: hold"));
}

struct Case {
  const char* text;
  const char* says;
};

void PrintTo(const Case& mistake, std::ostream* out) { *out << mistake.text; }

class SpecMistakeTest : public ::testing::TestWithParam<Case> {};

TEST_P(SpecMistakeTest, IsNamed) {
  const std::string text = mistakes(GetParam().text);
  EXPECT_EQ(lines(text), 1u) << text;
  EXPECT_THAT(text, HasSubstr(GetParam().says));
}

INSTANTIATE_TEST_SUITE_P(
    All, SpecMistakeTest,
    ::testing::Values(
        Case{"suspend: yes", "suspend: yes: is not a boolean; write true or false"},
        Case{"historyLimit: \"5\"", "historyLimit: \"5\": is not a whole number"},
        Case{"dependsOn: [db, db]", "stands in the list twice"},
        Case{"dependsOn: [DB]", "is not the name of a ReloadPolicy"},
        Case{"priority: 1001", "from -1000 to 1000"},
        Case{"guards: {minimumIntervalSeconds: -1}", "from 0 to 604800"},
        Case{"historyLimit: 5.5", "is not a whole number"},
        Case{"historyLimit: 99999999999999999999", "not a whole number"},
        Case{"historyLimit: 101", "from 1 to 100"}, Case{"rollout: 5", "rollout: 5: is not a map"},
        Case{"config: /etc/x", "config: /etc/x: is not a list"},
        Case{"config: [{path: etc/x}]", "config[0].path: etc/x: must be absolute"},
        Case{"config: [{path: /a}, {path: /a}]", "config[1].path: /a: stands in the list twice"},
        Case{"rollout: {steps: []}", "rollout.steps: [list]: is empty"},
        Case{"rollout: {steps: [{pods: 3}, {pods: 2}]}",
             "rollout.steps[1].pods: 2: is less than in the step before"},
        Case{"rollout: {steps: [{pods: 0}]}", "rollout.steps[0].pods: 0: is not a number of pods"},
        Case{"rollout: {steps: [{pods: 101%}]}", "101%: is not a number of pods"},
        Case{"rollout: {steps: [{pods: \"3\"}]}", "\"3\": is not a number of pods"},
        Case{"rollout: {steps: [{weightPerTenThousand: 0}]}", "from 1 to 10000"},
        Case{"targetRef: {apiVersion: apps/v1, kind: Job, name: a}",
             "targetRef.kind: Job: is no kind that can be reloaded"},
        Case{"targetRef: {kind: Deployment, name: a}",
             "targetRef.apiVersion: absent: must name the API group"},
        Case{"targetRef: {apiVersion: apps/v1, kind: Deployment, name: A}",
             "targetRef.name: A: is not an object's name"},
        Case{"{targetRef: {apiVersion: apps/v1, kind: Deployment, name: a}, selector: {matchLabels: {a: b}}}",
             "keep one of the two"},
        Case{"selector: {}", "selector.matchLabels: absent: must hold 1 to 16 labels"},
        Case{"strategy: {type: Hold, overlap: {rollbackWindowSeconds: 1}}", "belongs to type Overlap alone"},
        Case{"readiness: {periodSeconds: 1, periodMilliseconds: 10}", "stands beside periodSeconds"},
        Case{"readiness: {httpGet: {}, tcpSocket: {}}", "stands beside httpGet"},
        Case{"readiness: {httpGet: {path: readyz}}", "readiness.httpGet.path: readyz: must begin with '/'"},
        Case{"hold: {maxBytes: 1}", "out of range"},
        Case{"hold: {timeoutSeconds: 30s}", "without quotes or a unit"},
        Case{"shutdown: {gracePeriodSeconds: 9}",
             "shutdown.gracePeriodSeconds: 9: is less than endpointsGraceSeconds"},
        Case{"hold: {maxRequests: 1}\nhold: {maxRequests: 2}", "p.yaml:2: hold: {map}: stands twice"},
        Case{"kind: ReloadPolicy", "apiVersion: absent: is not read here; write sidestep.dev/v1alpha1"},
        Case{"a: [", "p.yaml:1: not valid YAML or JSON"},
        Case{"a: 1\n---\nb: 1", "a second document begins here"},
        Case{"just words", "document: just words: is not a map"}));

TEST(SpecTest, AliasesAreFollowed) {
  EXPECT_EQ(
      good("hold: &h {maxRequests: 7}\nreportOutput: &b true\nexposeGeneration: *b\n").expose_generation,
      true);
  EXPECT_EQ(good("rollout: {steps: [&s {pods: 1}, *s]}").rollout.steps.size(), 2u);
}

TEST(SpecTest, NullCountsAsAbsent) {
  EXPECT_EQ(policy_to_json(good("hold:\nsuspend: null\nconfig: ~\n")), policy_to_json(PolicySpec{}));
}

TEST(SpecTest, TextThatIsNotUtf8IsRefusedWithItsLine) {
  const auto spec =
      parse_policy("suspend: false\nreadiness: {httpGet: {path: /, host: \"a\xFF\"}}\n", "p.yaml");
  ASSERT_FALSE(spec);
  EXPECT_NE(spec.error().detail.find("UTF-8"), std::string::npos) << spec.error().detail;
  EXPECT_NE(spec.error().detail.find("2"), std::string::npos) << spec.error().detail;
}

TEST(SpecTest, HostileTextsAreRefusedInBoundedTime) {
  std::string bomb = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n";
  for (int i = 1; i < 12; ++i) {
    const std::string before = "*a" + std::to_string(i - 1);
    bomb += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [" + before;
    for (int j = 0; j < 9; ++j) bomb += ", " + before;
    bomb += "]\n";
  }
  EXPECT_THAT(mistakes(bomb), HasSubstr("more than 20000 values"));
  EXPECT_THAT(mistakes(std::string(300'000, 'x')), HasSubstr("at most 262144"));
  EXPECT_THAT(mistakes("a: " + std::string(100, '[') + std::string(100, ']')), HasSubstr("64 levels"));
  EXPECT_FALSE(parse_policy(std::string(100'000, '['), "p.yaml").has_value());
  EXPECT_FALSE(parse_policy("&a [*a]", "p.yaml").has_value());
  // yaml-cpp's LoadAll() never ends on this one.
  EXPECT_FALSE(parse_policy(",readiness: {timeo, x: 1}\nhold: {max16Mi}\n", "p.yaml").has_value());
}

}  // namespace
}  // namespace sidestep::policy
