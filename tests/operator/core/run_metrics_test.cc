// Metrics and webhooks over whole reloads: what keeps a step, what ends it, and that nothing counts twice.
#include "operator/core/run_metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/operator/core/sim_cluster.h"

namespace sidestep::op {
namespace {

using api::ReloadPhase;
using build::count;
using build::percent;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

policy::Metric metric(policy::OnNoData on_no_data = policy::OnNoData::kHold, int failure_limit = 0) {
  policy::Metric metric;
  metric.name = "errors";
  metric.address = "http://prometheus:9090";
  metric.query = "q";
  metric.max = policy::parse_decimal("0.01");
  metric.interval = Seconds(10);
  metric.failure_limit = failure_limit;
  metric.on_no_data = on_no_data;
  return metric;
}

class AnalysisAskTest : public ::testing::Test {
 protected:
  AnalysisAskTest() {
    policy::Rollout& rollout = cluster_.policy().spec.rollout;
    rollout.steps = {build::step(count(1), 500, 30), build::step(percent(100), 10'000, 30)};
    rollout.max_concurrent_pods = percent(100);
    rollout.progress_deadline = Seconds(120);
    cluster_.world().analysis_allow = {"prometheus", "gate"};
    cluster_.annotate("t1");
  }
  policy::Analysis& analysis() { return cluster_.policy().spec.analysis; }
  void add_webhook(policy::WebhookTime when, int failure_limit = 0) {
    analysis().webhooks.push_back({"gate", "http://gate/", when, Seconds(10), failure_limit});
  }
  const api::MetricState& state() { return cluster_.status().metrics.at(0); }
  std::string waits_for() {
    const auto* progress = find_condition(cluster_.status().conditions, condition::kProgressing);
    return progress != nullptr ? progress->reason : "";
  }
  int moved() {
    int moved = 0;
    for (auto& [name, pod] : cluster_.pods()) moved += pod.seen.sidecar->active.generation > 1 ? 1 : 0;
    return moved;
  }
  void expect_taken_back(const std::string& reason) {
    ASSERT_TRUE(cluster_.run_to_end());
    EXPECT_EQ(cluster_.status().phase, ReloadPhase::kFailed);
    EXPECT_EQ(cluster_.status().end_reason, reason) << cluster_.status().end_message;
    EXPECT_EQ(moved(), 0);
  }
  void expect_succeeded() {
    ASSERT_TRUE(cluster_.run_to_end()) << waits_for();
    EXPECT_EQ(cluster_.status().phase, ReloadPhase::kSucceeded) << cluster_.status().end_message;
    EXPECT_EQ(moved(), 3);
  }

  SimCluster cluster_{3};
};

TEST_F(AnalysisAskTest, AGoodMetricIsMeasuredEachIntervalAndAtTheEndOfEachStep) {
  analysis().metrics = {metric()};
  cluster_.metric = [](const MeasureMetric&) { return 0.005; };
  expect_succeeded();
  EXPECT_EQ(state().verdict, "Good");
  EXPECT_EQ(state().value, "0.005");
  EXPECT_EQ(state().failures, 0);
  EXPECT_GE(state().measurements, 5);
  EXPECT_LE(state().measurements, 8);
  EXPECT_EQ(cluster_.status().steps.at(1).verdict, "Good");
}

TEST_F(AnalysisAskTest, AMetricOutOfItsRangeTakesAllPodsBack) {
  analysis().metrics = {metric()};
  cluster_.metric = [&](const MeasureMetric&) { return cluster_.status().step < 2 ? 0.005 : 0.31; };
  expect_taken_back("MetricFailed");
  EXPECT_EQ(cluster_.status().step, 2);
  EXPECT_EQ(cluster_.status().end_message, "metric errors: 0.31 is above 0.01 (1 failure, 0 tolerated)");
  EXPECT_EQ(state().value, "0.31");
  EXPECT_EQ(state().verdict, "Bad");
}

TEST_F(AnalysisAskTest, FailuresUpToTheLimitAreBorneButNoStepEndsWithOne) {
  analysis().metrics = {metric(policy::OnNoData::kHold, 2)};
  int asked = 0;
  cluster_.metric = [&](const MeasureMetric&) { return ++asked == 3 ? 0.31 : 0.0; };
  ASSERT_TRUE(cluster_.run_until([&] { return waits_for() == "MetricFailed"; }));
  EXPECT_EQ(cluster_.status().step, 1) << "its pause is over, and its last value is bad";
  expect_succeeded();
  EXPECT_EQ(state().failures, 1);
}

TEST_F(AnalysisAskTest, NoDataHoldsTheStepAndAtTheDeadlineIsAVerdictOfItsOwn) {
  analysis().metrics = {metric()};
  cluster_.metric = [](const MeasureMetric&) { return std::nullopt; };
  ASSERT_TRUE(cluster_.run_until([&] { return waits_for() == "MetricNoData"; }));
  EXPECT_EQ(cluster_.status().step, 1);
  expect_taken_back("MetricNoData");
  EXPECT_THAT(cluster_.status().end_message, HasSubstr("metric errors: no data: the query gives nothing"));
}

TEST_F(AnalysisAskTest, NoDataFailsOrPassesWhereThePolicySaysSo) {
  analysis().metrics = {metric(policy::OnNoData::kPass)};
  cluster_.metric = [](const MeasureMetric&) { return std::nullopt; };
  expect_succeeded();
  EXPECT_EQ(cluster_.status().steps.at(0).verdict, "NoData");
}

TEST_F(AnalysisAskTest, NoDataThatFailsIsSaidToBeThat) {
  analysis().metrics = {metric(policy::OnNoData::kFail, 1)};
  cluster_.metric = [](const MeasureMetric&) { return std::nullopt; };
  expect_taken_back("MetricNoData");
  EXPECT_EQ(state().failures, 2);
}

TEST_F(AnalysisAskTest, AServerThatNeverAnswersHoldsTheStepUntilTheDeadlineAndTheLoopGoesOn) {
  analysis().metrics = {metric()};
  cluster_.is_desk_silent = true;
  ASSERT_TRUE(cluster_.run_until([&] { return waits_for() == "Measuring"; }));
  expect_taken_back("MetricNoData");
}

TEST_F(AnalysisAskTest, AnAnswerCountsOnceHoweverOftenItIsSeenAndWhoeverLeads) {
  analysis().metrics = {metric(policy::OnNoData::kHold, 3)};
  cluster_.metric = [](const MeasureMetric&) { return 1.0; };
  for (int deaths = 0; deaths < 40 && !is_final(cluster_.status().phase); ++deaths) {
    cluster_.die_after(1);
    cluster_.run_for(Seconds(2));
  }
  expect_taken_back("MetricFailed");
  EXPECT_EQ(state().failures, 4);
  EXPECT_EQ(state().measurements, 4);
}

TEST_F(AnalysisAskTest, PromoteSkipsThePausesAndMeasuresAtOnce) {
  analysis().metrics = {metric()};
  ASSERT_TRUE(cluster_.run_until([&] { return waits_for() == "StepPause"; }));
  cluster_.reload().meta.annotations[api::kPromoteAnnotation] = "true";
  const WallTime asked = cluster_.now();
  expect_succeeded();
  EXPECT_LT(cluster_.now() - asked, Seconds(20));
  EXPECT_EQ(state().measurements, 1);
}

TEST_F(AnalysisAskTest, PromoteFullGoesOnWithoutAMetricThatIsBad) {
  analysis().metrics = {metric(policy::OnNoData::kHold, 50)};
  cluster_.metric = [](const MeasureMetric&) { return 1.0; };
  ASSERT_TRUE(cluster_.run_until([&] { return waits_for() == "MetricFailed"; }));
  cluster_.reload().meta.annotations[api::kPromoteAnnotation] = "full";
  expect_succeeded();
}

TEST_F(AnalysisAskTest, AnAddressThatIsNotAllowedStopsTheReloadBeforeItStartsAndNamesTheFlag) {
  analysis().metrics = {metric()};
  cluster_.world().analysis_allow = {"prometheus:80", "gate"};
  cluster_.run_for(Seconds(10));
  EXPECT_EQ(waits_for(), "AddressNotAllowed");
  EXPECT_TRUE(cluster_.asked().empty());
  const auto* allowed = find_condition(cluster_.policy().status.conditions, condition::kAnalysisAllowed);
  ASSERT_NE(allowed, nullptr);
  EXPECT_EQ(allowed->status, api::ConditionStatus::kFalse);
  EXPECT_THAT(allowed->message, HasSubstr("--analysis-allow=http://prometheus:9090"));
  cluster_.world().analysis_allow = {"http://prometheus:9090"};
  expect_succeeded();
}

TEST_F(AnalysisAskTest, WithoutQuestionsThereIsNoSuchCondition) {
  expect_succeeded();
  EXPECT_EQ(find_condition(cluster_.policy().status.conditions, condition::kAnalysisAllowed), nullptr);
}

TEST_F(AnalysisAskTest, AWebhookThatSaysNoBeforeTheStartLetsNoCandidateStart) {
  add_webhook(policy::WebhookTime::kBeforeStart, 2);
  cluster_.webhook = [](const CallWebhook&) { return false; };
  expect_taken_back("WebhookFailed");
  EXPECT_EQ(cluster_.pod("shop-1").generations, 1);
  EXPECT_THAT(cluster_.status().end_message,
              HasSubstr("webhook gate: status 503: not today (3 calls in a row failed)"));
  EXPECT_EQ(cluster_.status().webhooks.at(0).calls, 3);
}

TEST_F(AnalysisAskTest, AWebhookIsCalledOnceAStepAndTheLastOneBeforeThePromotion) {
  add_webhook(policy::WebhookTime::kEachStep);
  analysis().webhooks.push_back({"last", "http://gate/", policy::WebhookTime::kPromote, Seconds(10), 0});
  std::vector<std::string> calls;
  cluster_.webhook = [&](const CallWebhook& call) {
    if (calls.empty() || calls.back() != call.key) calls.push_back(call.key);
    EXPECT_EQ(moved(), 0);
    return true;
  };
  expect_succeeded();
  const std::string uid = cluster_.reload().meta.uid;
  EXPECT_THAT(calls, ElementsAre(uid + "/webhook/gate/1", uid + "/webhook/gate/2", uid + "/webhook/last/1"));
}

TEST_F(AnalysisAskTest, AWebhookThatFailsIsCalledAgainAfterAMomentAndAYesForgetsIt) {
  add_webhook(policy::WebhookTime::kEachStep, 1);
  int answers = 0;
  cluster_.webhook = [&](const CallWebhook& call) { return call.key.ends_with("/2") || ++answers > 1; };
  expect_succeeded();
  EXPECT_EQ(cluster_.status().webhooks.at(0).failures, 0);
  EXPECT_EQ(cluster_.status().webhooks.at(0).calls, 3);
}

TEST_F(AnalysisAskTest, AWebhookThatSaysNoAtTheEndTakesAllPodsBack) {
  add_webhook(policy::WebhookTime::kPromote);
  cluster_.webhook = [](const CallWebhook&) { return false; };
  expect_taken_back("WebhookFailed");
  EXPECT_EQ(cluster_.status().step, 2);
}

}  // namespace
}  // namespace sidestep::op
