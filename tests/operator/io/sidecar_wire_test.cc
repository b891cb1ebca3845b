#include "operator/io/sidecar_wire.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "operator/io/sidecar_actions.h"

namespace sidestep::op {
namespace {

constexpr const char* kStatus = R"({"version": "0.1.0", "bootId": "b", "phase": "Judging",
  "active": {"generation": 2, "requests": 10, "errors": 1}, "candidate": {"generation": 3, "requests": 5, "errors": 4},
  "reload": {"id": "r1", "token": "t", "phase": "Judging", "generation": 3, "weightPerTenThousand": 500, "managed": true,
             "readyAt": "2026-11-23T09:30:00Z", "reason": "", "message": "",
             "receipt": {"requests": {"2": 100, "3": 50}, "held": 1, "retried": 2, "failed": 3, "longestHoldMs": 4,
                         "connectionsCut": 5, "totalMs": 150}}})";

TEST(SidecarStatus, IsReadAsTheContractWritesIt) {
  const auto status = sidecar_status_from_text(kStatus);
  ASSERT_TRUE(status) << status.error().detail;
  EXPECT_EQ(status->active.errors, 1);
  EXPECT_EQ(status->candidate->requests, 5);
  EXPECT_EQ(status->run->phase, SidecarPhase::kJudging);
  EXPECT_TRUE(status->run->ready);
  EXPECT_TRUE(status->run->managed);
  EXPECT_EQ(status->run->weight_per_ten_thousand, 500);
  EXPECT_EQ(status->run->receipt, (api::Receipt{100, 50, 1, 2, 3, 4, 5, 150}));
}

TEST(SidecarStatus, WithoutCandidateAndReloadIsFine) {
  const auto status = sidecar_status_from_text(
      R"({"active": {"generation": 1}, "candidate": null, "reload": null, "new": 1})");
  ASSERT_TRUE(status);
  EXPECT_FALSE(status->candidate);
  EXPECT_FALSE(status->run);
}

TEST(SidecarStatus, LatencyIsReadAndWhatIsOddOfItIsLeftOut) {
  const auto judged = [](const std::string& latency) {
    const auto status = sidecar_status_from_text(
        R"({"reload": {"id": "r", "phase": "Judging", "judged": {"active": {"requests": 3, "errors": 0},
            "candidate": {"requests": 3, "errors": 0, "latency": )" +
        latency + "}}}}");
    return status->run->judged->candidate.latency;
  };
  const policy::Latency latency = judged(R"({"sumMicros": 700, "buckets": [1, 2]})");
  EXPECT_EQ(latency.sum_us, 700u);
  EXPECT_EQ(latency.count(), 3u);
  for (const char* odd : {"[]", "null", R"({"sumMicros": -1, "buckets": [-1, "x"]})", R"({"buckets": 7})"})
    EXPECT_EQ(judged(odd).count(), 0u) << odd;
  std::string long_one = R"({"buckets": [1)";
  for (int i = 0; i < 100; ++i) long_one += ",1";
  EXPECT_EQ(judged(long_one + "]}").count(), policy::kLatencyBuckets);
}

TEST(SidecarCommand, APodIsNotToldWhomTheOperatorAsks) {
  Observed observed;
  observed.policy.emplace();
  policy::Analysis& analysis = observed.policy->spec.analysis;
  analysis.max_latency_increase_percent = 50;
  analysis.metrics.push_back({"errors", "http://prometheus", "q", {}, policy::parse_decimal("1")});
  analysis.webhooks.push_back({"gate", "http://gate/?token=x"});
  const auto command = command_of(SidecarPolicy{{"p", "u"}, "r"}, observed);
  EXPECT_EQ(command->body.find("prometheus"), std::string::npos);
  EXPECT_EQ(command->body.find("gate"), std::string::npos);
  EXPECT_NE(command->body.find("\"maxLatencyIncreasePercent\":50"), std::string::npos);
}

TEST(SidecarStatus, LastLinesOfABadCandidateGoWithTheMessage) {
  const auto status = sidecar_status_from_text(
      R"({"reload": {"id": "r", "phase": "Failed", "reason": "ExitedEarly", "message": "exit status 1",
          "output": ["1", "2", "3", "4", "5", "boom"]}})");
  EXPECT_EQ(status->run->message, "exit status 1; last lines:\n2\n3\n4\n5\nboom");
  EXPECT_FALSE(status->run->ready);
}

TEST(SidecarStatus, PhaseOfAStrangerAndGarbageAreErrors) {
  EXPECT_FALSE(sidecar_status_from_text(R"({"reload": {"id": "r", "phase": "Dancing"}})"));
  EXPECT_FALSE(sidecar_status_from_text("<html>"));
}

TEST(SidecarCommand, EachActionBecomesItsCall) {
  Observed observed;
  observed.policy.emplace().meta.uid = "pu";
  const PodRef pod{"p", "u"};
  const auto policy = command_of(SidecarPolicy{pod, "r"}, observed);
  EXPECT_EQ(policy->path, "/v1/policy?policyUid=pu");
  EXPECT_EQ(policy->reload_id, "r");
  const auto weight = command_of(SidecarWeight{pod, "r", 500}, observed);
  EXPECT_EQ(weight->path, "/v1/weight");
  EXPECT_EQ(weight->body, R"({"reload":"r","weightPerTenThousand":500})");
  const auto reload = command_of(SidecarReload{pod, "r", "t", "why", "reload/x", Seconds{600}}, observed);
  EXPECT_EQ(reload->path, "/v1/reload");
  EXPECT_EQ(
      reload->body,
      R"({"deadlineSeconds":600,"id":"r","managed":true,"policyUid":"pu","reason":"why","requestedBy":"reload/x","token":"t"})");
  EXPECT_EQ(command_of(SidecarPromote{pod, "r"}, observed)->path, "/v1/promote");
  EXPECT_EQ(command_of(SidecarAbort{pod, "r", "no"}, observed)->body, R"({"reason":"no","reload":"r"})");
  EXPECT_FALSE(command_of(CreateReload{}, observed));
}

TEST(SidecarCommand, AnswerSaysDoneAgainLaterOrRefused) {
  const SidecarCommand command{{"p", "u"}, "/v1/weight", "{}", "r"};
  const auto of = [&](int status) {
    return verdict_of({status, R"({"error":{"kind":"k","message":"m"}})"}, command);
  };
  EXPECT_EQ(of(202).what, Applied::kAll);
  EXPECT_EQ(of(409).what, Applied::kAgain);
  EXPECT_FALSE(of(409).refusal);
  for (const int status : {401, 429, 500, 503}) EXPECT_EQ(of(status).what, Applied::kLater) << status;
  for (const int status : {400, 403, 404}) {
    ASSERT_TRUE(of(status).refusal) << status;
    EXPECT_EQ(of(status).refusal->reload_id, "r");
    EXPECT_EQ(of(status).refusal->message, "m");
  }
}

TEST(SidecarStatus, NumbersAndWordsOfASidecarFitIntoAStatusWhateverItSays) {
  const auto status = sidecar_status_from_text(
      R"({"active": {"generation": 99999999999, "requests": -5, "errors": 1e300},
          "reload": {"id": "r", "phase": "Failed", "reason": ")" +
      std::string(500, 'R') + R"(", "message": ")" + std::string(1023, 'm') + "\xc3\xa9" +
      R"(", "generation": 2, "receipt": {"requests": {"1": 18446744073709551615, "2": -7}, "held": -1, "failed": 0.5}}})");
  ASSERT_TRUE(status) << status.error().detail;
  EXPECT_GT(status->active.generation, 0);
  EXPECT_EQ(status->active.requests, 0);
  EXPECT_EQ(status->active.errors, 0);
  EXPECT_LE(status->run->reason.size(), 64u);
  EXPECT_EQ(status->run->message, std::string(1023, 'm'));
  const api::Receipt& receipt = status->run->receipt;
  EXPECT_GT(receipt.active_requests, 0);
  EXPECT_LT(receipt.active_requests, std::int64_t{1} << 53);
  EXPECT_EQ(receipt.candidate_requests, 0);
  EXPECT_EQ(receipt.held, 0);
}

TEST(SidecarStatus, RefusalThatIsNoTextIsNoException) {
  const SidecarError error = sidecar_error_from_text("no\xff");
  EXPECT_EQ(error.message, "no?");
}

}  // namespace
}  // namespace sidestep::op
