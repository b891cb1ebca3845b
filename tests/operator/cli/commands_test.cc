#include "operator/cli/commands.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "operator/api/wire.h"
#include "operator/cli/render.h"
#include "operator/cli/support.h"
#include "tests/support/fake_clock.h"
#include "tests/support/fake_transport.h"

namespace sidestep::op::cli {
namespace {
using namespace std::chrono_literals;
using k8s::Json;

class CommandsTest : public ::testing::Test {
 protected:
  Exit run(Options options) {
    options.name_space = "n";
    const Surroundings around{[this](const std::string& text) { out_ += text; },
                              [this](const std::string& line) { notes_.push_back(line); },
                              [this](Millis delay) { clock_.advance(delay); }, clock_};
    return Commands(client_, options, around).run();
  }
  static Json policy(bool suspend = false) {
    return {{"metadata", {{"name", "shop"}, {"namespace", "n"}, {"uid", "pu"}}},
            {"spec",
             {{"suspend", suspend},
              {"targetRef", {{"apiVersion", "apps/v1"}, {"kind", "Deployment"}, {"name", "shop"}}}}}};
  }
  static Json reload(const char* name, const char* phase, const char* reason = "", const char* token = "t") {
    Json status = {{"phase", phase},
                   {"step", 1},
                   {"pods", {{"desired", 3}, {"updated", 1}, {"ready", 3}, {"failed", 0}}},
                   {"steps", {{{"pods", 1}, {"weightPerTenThousand", 500}}}}};
    if (*reason) status["endReason"] = reason;
    return {{"metadata", {{"name", name}, {"namespace", "n"}, {"uid", "ru"}}},
            {"spec", {{"policyRef", {{"name", "shop"}}}, {"token", token}, {"reason", "why"}}},
            {"status", status}};
  }
  void answer(const Json& object) { api_.answer(200, object.dump()); }
  void answer_list(const std::vector<Json>& items) {
    answer({{"metadata", {{"resourceVersion", "1"}}}, {"items", items}});
  }

  test::FakeTransport api_;
  test::FakeClock clock_;
  k8s::Client client_{api_, clock_, [](Millis) {}};
  std::string out_;
  std::vector<std::string> notes_;
};

TEST_F(CommandsTest, WatchPrintsEachChangeOnceUntilItsEnd) {
  for (const bool suspend : {false, false, true}) answer_list({policy(suspend)});
  answer_list({});
  EXPECT_EQ(run({.verb = Verb::kStatus, .watch = true, .timeout = 3s}), Exit::kSucceeded);
  EXPECT_EQ(api_.requests.size(), 4u);
  EXPECT_EQ(out_.find("Deployment/shop"), out_.rfind("Deployment/shop")) << "nothing that it shows changed";
}

TEST_F(CommandsTest, ReloadCreatesAnObjectWaitsAndPrintsTheReceipt) {
  answer(policy()), answer(reload("shop-1", "Pending"));
  answer(reload("shop-1", "Progressing")), answer(reload("shop-1", "Progressing")),
      answer(reload("shop-1", "Succeeded"));
  EXPECT_EQ(run({.verb = Verb::kReload, .name = "shop", .reason = "new prices"}), Exit::kSucceeded);
  const Json made = Json::parse(api_.requests[1].body);
  EXPECT_EQ(made["spec"]["policyRef"]["name"], "shop");
  EXPECT_EQ(made["spec"]["reason"], "new prices");
  EXPECT_EQ(notes_, std::vector<std::string>{"shop-1  Progressing  step 1: 1 pod at 5%  updated 1/3"});
  EXPECT_NE(out_.find("shop-1: Succeeded"), std::string::npos);
}

TEST_F(CommandsTest, SameTokenAgainIsTheSameReload) {
  answer(policy()), answer_list({reload("shop-9", "Succeeded", "", "tok")}),
      answer(reload("shop-9", "Succeeded", "", "tok"));
  EXPECT_EQ(run({.verb = Verb::kReload, .name = "shop", .token = "tok"}), Exit::kSucceeded);
  for (const auto& request : api_.requests) EXPECT_EQ(request.method, "GET");
}

TEST_F(CommandsTest, ReloadOfOnePodNamesItAndIsNotTheOneOfAllPodsWithThatToken) {
  answer(policy());
  answer_list({reload("shop-1", "Succeeded", "Promoted", "t1")});
  answer(reload("shop-2", "Pending"));
  EXPECT_EQ(run({.verb = Verb::kReload, .name = "shop", .wait = false, .token = "t1", .pod = "shop-a"}),
            Exit::kSucceeded);
  EXPECT_EQ(Json::parse(api_.requests.back().body)["spec"]["podName"], "shop-a");
}

TEST_F(CommandsTest, VerdictIsTheExitCode) {
  const auto of = [](api::ReloadPhase phase, const char* reason, bool aborting) {
    api::ReloadStatus status;
    status.phase = phase, status.end_reason = reason;
    return exit_of(status, aborting);
  };
  EXPECT_EQ(of(api::ReloadPhase::kFailed, "ErrorRate", false), Exit::kFailed);
  EXPECT_EQ(of(api::ReloadPhase::kAborted, "AbortedByUser", false), Exit::kFailed);
  EXPECT_EQ(of(api::ReloadPhase::kAborted, "Superseded", false), Exit::kRefused);
  EXPECT_EQ(of(api::ReloadPhase::kAborted, "AbortedByUser", true), Exit::kSucceeded);
  EXPECT_EQ(of(api::ReloadPhase::kSucceeded, "Promoted", true), Exit::kFailed);
}

TEST_F(CommandsTest, NameThatDoesNotExistIsWrongUsageAndForbiddenIsRefused) {
  api_.answer(404, R"({"message":"not found"})");
  EXPECT_EQ(run({.verb = Verb::kReload, .name = "shop"}), Exit::kUsage);
  api_.answer(403, R"({"message":"no"})");
  EXPECT_EQ(run({.verb = Verb::kReload, .name = "shop"}), Exit::kRefused);
  api_.fail();
  EXPECT_EQ(run({.verb = Verb::kReload, .name = "shop"}), Exit::kUnreachable);
}

TEST_F(CommandsTest, SuspendedPolicyIsRefusedWithTheFix) {
  answer(policy(true));
  EXPECT_EQ(run({.verb = Verb::kReload, .name = "shop"}), Exit::kRefused);
  EXPECT_EQ(notes_, std::vector<std::string>{"error: policy shop is suspended; set spec.suspend to false"});
}

TEST_F(CommandsTest, WaitingEndsAtTheTimeout) {
  answer(policy()), answer(reload("shop-1", "Pending"));
  for (int i = 0; i < 5; ++i) answer(reload("shop-1", "Progressing"));
  EXPECT_EQ(run({.verb = Verb::kReload, .name = "shop", .timeout = 1000ms}), Exit::kUnreachable);
  EXPECT_NE(notes_.back().find("did not end in time; it goes on"), std::string::npos);
}

TEST_F(CommandsTest, ApiThatIsAwayForAMomentWhileWaitingIsForgiven) {
  answer(policy()), answer(reload("shop-1", "Pending"));
  api_.fail(), api_.fail();
  answer(reload("shop-1", "Failed", "ErrorRate"));
  EXPECT_EQ(run({.verb = Verb::kReload, .name = "shop"}), Exit::kFailed);
}

TEST_F(CommandsTest, AbortAnnotatesTheRunningReloadOfThePolicy) {
  api_.answer(404, "{}");
  answer_list({reload("shop-1", "Succeeded"), reload("shop-3", "Pending"), reload("shop-2", "Progressing")});
  answer(reload("shop-2", "Progressing")), answer(reload("shop-2", "Aborted", "AbortedByUser"));
  EXPECT_EQ(run({.verb = Verb::kAbort, .name = "shop", .reason = "wrong prices"}), Exit::kSucceeded);
  EXPECT_NE(api_.requests[2].target.find("/reloads/shop-2?"), std::string::npos);
  EXPECT_EQ(Json::parse(api_.requests[2].body)["metadata"]["annotations"]["sidestep.dev/abort"],
            "wrong prices");
}

TEST_F(CommandsTest, PromoteWithoutARunningReloadIsRefused) {
  api_.answer(404, "{}");
  answer_list({reload("shop-1", "Succeeded")}), answer(policy());
  EXPECT_EQ(run({.verb = Verb::kPromote, .name = "shop"}), Exit::kRefused);
  EXPECT_EQ(notes_, std::vector<std::string>{"error: no reload of shop is running"});
}

TEST_F(CommandsTest, StatusListsPoliciesInColumns) {
  answer_list({policy()});
  EXPECT_EQ(run({.verb = Verb::kStatus}), Exit::kSucceeded);
  EXPECT_EQ(out_,
            "NAME   TARGET            READY     REASON   PODS   UPDATED   FAILED   LAST RELOAD\n"
            "shop   Deployment/shop   Unknown   -        0/0    0         0        -\n");
}

TEST_F(CommandsTest, NothingThatIsShownSteersTheTerminal) {
  Json failed = reload("shop-1", "Failed", "ExitedEarly");
  failed["status"]["endMessage"] =
      "last lines:\n\x1b]0;mine\x07\x1b[2Jok\xc2\x9b"
      "31m caf\xc3\xa9";
  answer(failed);
  EXPECT_EQ(run({.verb = Verb::kWhy, .name = "shop-1"}), Exit::kSucceeded);
  EXPECT_NE(out_.find("last lines:\n?]0;mine??[2Jok?31m caf\xc3\xa9"), std::string::npos) << out_;
  for (int i = 0; i < 2; ++i) answer_list({policy(i == 1)});
  out_.clear();
  EXPECT_EQ(run({.verb = Verb::kStatus, .watch = true, .is_terminal = true, .timeout = 1s}),
            Exit::kSucceeded);
  EXPECT_TRUE(out_.starts_with(kClear));
}

TEST_F(CommandsTest, StatusShowsEachPolicyOnceWhenItsListHadToBeginAgain) {
  answer({{"metadata", {{"continue", "x"}}}, {"items", {policy()}}});
  api_.answer(410, R"({"message": "expired"})");
  answer_list({policy()});
  EXPECT_EQ(run({.verb = Verb::kStatus}), Exit::kSucceeded);
  EXPECT_EQ(out_.find("Deployment/shop"), out_.rfind("Deployment/shop")) << out_;
}

TEST_F(CommandsTest, StatusOfAPolicyShowsThePodsWithTheirGenerationsAndWeights) {
  const auto pod = [](const char* name) {
    return Json{
        {"metadata",
         {{"name", name},
          {"labels", {{"app", "shop"}, {"pod-template-hash", "abc"}}},
          {"ownerReferences", {{{"kind", "ReplicaSet"}, {"name", "shop-abc"}}}}}},
        {"spec",
         {{"initContainers",
           {{{"name", "sidestep"}, {"ports", {{{"name", "sidestep-ctl"}, {"containerPort", 9086}}}}}}}}},
        {"status", {{"conditions", {{{"type", "Ready"}, {"status", "True"}}}}}}};
  };
  answer(policy()), answer_list({});
  answer({{"spec", {{"selector", {{"matchLabels", {{"app", "shop"}}}}}}}});
  answer_list({pod("shop-abc-2"), pod("shop-abc-1")});
  api_.answer(403, "{}");
  api_.answer(200,
              "# TYPE sidestep_phase gauge\nsidestep_phase{phase=\"Serving\"} 0\n"
              "sidestep_phase{phase=\"Judging\"} 1\n"
              "sidestep_generation_weight_ratio{generation=\"4\",role=\"active\"} 0.95\n"
              "sidestep_generation_weight_ratio{generation=\"5\",role=\"candidate\"} 0.05\n");
  EXPECT_EQ(run({.verb = Verb::kStatus, .name = "shop"}), Exit::kSucceeded);
  EXPECT_NE(
      out_.find(
          "POD          READY   PHASE     ACTIVE    CANDIDATE   RETIRING   NOTE\n"
          "shop-abc-1   True    Judging   4 (95%)   5 (5%)      -\n"
          "shop-abc-2   True    -         -         -           -          no right to get pods/proxy\n"),
      std::string::npos)
      << out_;
  EXPECT_EQ(api_.requests[3].target, "/api/v1/namespaces/n/pods?limit=500&labelSelector=app%3Dshop");
  EXPECT_EQ(api_.requests[5].target, "/api/v1/namespaces/n/pods/shop-abc-1%3A9086/proxy/metrics");
}

TEST_F(CommandsTest, StatusOfAPolicyWhosePodsMayNotBeReadIsTheRest) {
  answer(policy()), answer_list({});
  api_.answer(403, "{}");
  EXPECT_EQ(run({.verb = Verb::kStatus, .name = "shop"}), Exit::kSucceeded);
  EXPECT_EQ(out_.find("POD "), std::string::npos) << out_;
}

TEST(AgeText, GrowsInItsUnit) {
  const WallTime start{};
  EXPECT_EQ(age_text(start, start + 119s), "119s");
  EXPECT_EQ(age_text(start, start + 120s), "2m");
  EXPECT_EQ(age_text(start, start + 3h), "3h");
  EXPECT_EQ(age_text(start, start + 48h), "2d");
  EXPECT_EQ(age_text(start + 1h, start), "0s");
}

TEST_F(CommandsTest, EachSteeringVerbIsOneAnnotation) {
  struct Row {
    Options options;
    Json annotations;
  };
  const Row rows[] = {
      {{.verb = Verb::kPromote}, {{"sidestep.dev/promote", "true"}}},
      {{.verb = Verb::kPromote, .full = true}, {{"sidestep.dev/promote", "full"}}},
      {{.verb = Verb::kPromote, .force = true}, {{"sidestep.dev/promote", "force"}}},
      {{.verb = Verb::kPause}, {{"sidestep.dev/pause", "true"}}},
      {{.verb = Verb::kResume}, {{"sidestep.dev/pause", nullptr}}},
      {{.verb = Verb::kSkipStep}, {{"sidestep.dev/skip-step", "1"}}},
  };
  for (const Row& row : rows) {
    answer(reload("shop-1", "Progressing")), answer(reload("shop-1", "Progressing"));
    Options options = row.options;
    options.name = "shop-1";
    options.wait = false;
    EXPECT_EQ(run(options), Exit::kSucceeded);
    EXPECT_EQ(Json::parse(api_.requests.back().body)["metadata"]["annotations"], row.annotations);
  }
}

TEST_F(CommandsTest, RetryMarksTheLastFailedReloadAndAwaitsTheNewOne) {
  answer(policy()), answer_list({reload("shop-1", "Failed", "ErrorRate")});
  answer(reload("shop-1", "Failed")), api_.answer(404, "{}"), answer(reload("shop-2", "Pending"));
  answer(reload("shop-2", "Succeeded"));
  EXPECT_EQ(run({.verb = Verb::kRetry, .name = "shop"}), Exit::kSucceeded);
  EXPECT_EQ(Json::parse(api_.requests[2].body)["metadata"]["annotations"],
            Json({{"sidestep.dev/retry", "true"}}));
  EXPECT_TRUE(api_.requests.back().target.ends_with("/" + api::reload_name("shop", "pu", "retry-ru")));
}

TEST_F(CommandsTest, UndoIsAReloadOfThePreviousContentOfAPolicyThatPinsSomething) {
  answer(policy());
  EXPECT_EQ(run({.verb = Verb::kUndo, .name = "shop"}), Exit::kRefused);
  EXPECT_NE(notes_.back().find("write mode: Pinned in spec.triggers"), std::string::npos) << notes_.back();
  Json pins = policy();
  pins["spec"]["triggers"]["configMaps"] = {{{"name", "shop-config"}, {"mode", "Pinned"}}};
  answer(pins);
  answer(reload("shop-2", "Pending"));
  EXPECT_EQ(run({.verb = Verb::kUndo, .name = "shop", .wait = false}), Exit::kSucceeded);
  EXPECT_EQ(Json::parse(api_.requests.back().body)["spec"]["content"], "Previous");
}

TEST_F(CommandsTest, RightsToCopiesAreThoseOfPinnedSourcesByName) {
  Json pins = policy();
  pins["spec"]["triggers"]["configMaps"] = {{{"name", "shop-config"}, {"mode", "Pinned"}}};
  pins["spec"]["triggers"]["secrets"] = {{{"name", "shop-db"}}};
  answer(pins);
  EXPECT_EQ(run({.verb = Verb::kRbac, .name = "shop"}), Exit::kSucceeded);
  for (const char* copy : {"sidestep-kept-shop-shop-config-", "sidestep-staged-shop-shop-config-",
                           "sidestep-previous-shop-shop-config-", "verbs: [get, create, patch, delete]"})
    EXPECT_NE(out_.find(copy), std::string::npos) << copy;
  EXPECT_EQ(out_.find("shop-shop-db"), std::string::npos);
}

TEST_F(CommandsTest, RightsToCopiesThatAreLeftEndWithThem) {
  Json unpinned = policy();
  unpinned["status"]["pinnedSources"] = {"Secret/shop-db"};
  answer(unpinned);
  EXPECT_EQ(run({.verb = Verb::kRbac, .name = "shop"}), Exit::kSucceeded);
  for (const char* part :
       {"sidestep-kept-shop-shop-db-", "sidestep-previous-shop-shop-db-", "verbs: [get, delete]"})
    EXPECT_NE(out_.find(part), std::string::npos) << part;
  EXPECT_EQ(out_.find("configmaps"), std::string::npos);
}

TEST_F(CommandsTest, RetryOfASuccessIsRefused) {
  answer(policy()), answer_list({reload("shop-1", "Succeeded")});
  EXPECT_EQ(run({.verb = Verb::kRetry, .name = "shop"}), Exit::kRefused);
}

TEST_F(CommandsTest, HistoryListsTheRunsWithTheirVerdicts) {
  answer(policy()), answer_list({reload("shop-1", "Failed", "ErrorRate"), reload("shop-2", "Succeeded")});
  EXPECT_EQ(run({.verb = Verb::kHistory, .name = "shop"}), Exit::kSucceeded);
  for (const char* part : {"VERDICT", "shop-1", "ErrorRate", "shop-2", "Succeeded", "1/3", "why"})
    EXPECT_NE(out_.find(part), std::string::npos) << part;
}

TEST_F(CommandsTest, WhyNamesWhatAReloadWaitsFor) {
  Json waits = reload("shop-1", "Pending");
  waits["status"]["conditions"] = {
      {{"type", "Progressing"}, {"status", "True"}, {"reason", "Budget"}, {"message", "one runs already"}}};
  for (const char* name : {"shop-1", "shop"}) {
    out_.clear();
    if (name == std::string("shop-1"))
      answer(waits);
    else
      api_.answer(404, "{}");
    answer(policy()), answer_list({waits, reload("shop-0", "Failed", "ErrorRate")});
    EXPECT_EQ(run({.verb = Verb::kWhy, .name = name}), Exit::kSucceeded);
    EXPECT_EQ(out_, "shop-1 waits, Budget: one runs already\n");
  }
}

TEST_F(CommandsTest, WhyAndStatusShowEachMetricWithItsValueAndEachWebhook) {
  Json runs = reload("shop-1", "Progressing");
  runs["status"]["metrics"] = {{{"name", "errors"},
                                {"verdict", "Bad"},
                                {"value", "0.31"},
                                {"message", "0.31 is above 0.01"},
                                {"measurements", 3},
                                {"failures", 1}}};
  runs["status"]["webhooks"] = {{{"name", "gate"}, {"passed", false}, {"message", "status 503"}}};
  api_.answer(404, "{}"), answer(policy()), answer_list({runs});
  EXPECT_EQ(run({.verb = Verb::kWhy, .name = "shop"}), Exit::kSucceeded);
  const std::string metric = "metric errors is 0.31, Bad: 0.31 is above 0.01 (1 of 3 measurements failed)\n";
  EXPECT_NE(out_.find(metric + "webhook gate did not say yes: status 503\n"), std::string::npos) << out_;
  out_.clear();
  answer(policy()), answer_list({runs});
  EXPECT_EQ(run({.verb = Verb::kStatus, .name = "shop"}), Exit::kSucceeded);
  EXPECT_NE(out_.find("shop-1: " + metric), std::string::npos) << out_;
  EXPECT_NE(progress_line(*api::reload_from_json(runs)).find("  errors 0.31 Bad"), std::string::npos);
}

TEST_F(CommandsTest, WhyOfAPolicyNamesEveryObstacleOnceAndOtherwiseWhatStartsAReload) {
  struct Row {
    Json changes;  // a merge patch
    std::string expected;
  };
  const Json sources = Json::parse(R"({"triggers": {"configMaps": [{"name": "c"}]}})");
  const auto hashes = [](const char* desired, const char* attempted) {
    return Json{{"desiredHash", desired}, {"appliedHash", "a"}, {"attemptedHash", attempted}};
  };
  const auto condition = [](const char* type, const char* status) {
    return Json{{"type", type}, {"status", status}, {"reason", "NoPods"}, {"message", "none runs"}};
  };
  const Row rows[] = {
      {Json::object(), "no ConfigMaps or Secrets are named"},
      {{{"spec", sources}, {"status", hashes("a", "")}}, "the pods have what the ConfigMaps"},
      {{{"spec", sources}, {"status", hashes("b", "b")}},
       "what the ConfigMaps and Secrets hold was tried and did not succeed"},
      {{{"spec", sources}, {"status", hashes("b", "")}}, "a change of the ConfigMaps or Secrets waits"},
      {{{"spec", {{"suspend", true}}}}, "Suspended: spec.suspend is true"},
      {{{"metadata", {{"generation", 2}}}}, "the operator has not looked at this policy"},
      {{{"status",
         {{"conditions",
           {condition("Ready", "False"), condition("Stalled", "True"), condition("Reconciling", "True"),
            condition("Conflicted", "False")}}}}},
       "NoPods: none runs\nno ConfigMaps"},
      {{{"status", {{"conditions", {condition("SourcesPinned", "True")}}}}}, "no ConfigMaps"},
      {{{"status", {{"conditions", {condition("SourcesPinned", "False")}}}}}, "NoPods: none runs\n"},
      {{{"status", {{"conditions", {condition("CopiesLeft", "True")}}}}}, "NoPods: none runs\n"}};
  for (const Row& row : rows) {
    out_.clear();
    Json object = policy();
    object.merge_patch(row.changes);
    api_.answer(404, "{}"), answer(object), answer_list({});
    EXPECT_EQ(run({.verb = Verb::kWhy, .name = "shop"}), Exit::kSucceeded);
    EXPECT_TRUE(out_.starts_with(row.expected)) << out_;
  }
}

TEST_F(CommandsTest, WhyOfAPodFindsItsPolicyAndSaysWhatIsWrongWithThePod) {
  Json pod = Json::parse(R"({"metadata": {"name": "shop-7-x", "labels": {"pod-template-hash": "7"},
    "ownerReferences": [{"kind": "ReplicaSet", "name": "shop-7", "controller": true}]},
    "spec": {"containers": [{"name": "app"}]}})");
  const auto why = [&](const std::vector<Json>& reloads) {
    out_.clear();
    answer(pod), answer_list({policy()}), answer_list(reloads);
    EXPECT_EQ(run({.verb = Verb::kWhy, .name = "pod/shop-7-x"}), Exit::kSucceeded);
    return out_;
  };
  EXPECT_NE(why({}).find("shop-7-x has no container named sidestep"), std::string::npos) << out_;
  pod["spec"]["initContainers"] = {{{"name", "sidestep"}}};
  EXPECT_TRUE(why({}).starts_with("policy shop steers it\nno ConfigMaps")) << out_;
  Json failed = reload("shop-1", "Failed", "ErrorRate");
  failed["status"]["failedPods"] = {
      {{"name", "shop-7-x"}, {"reason", "ExitedEarly"}, {"message", "status 1"}}};
  EXPECT_NE(why({failed}).find("shop-7-x failed in shop-1, ExitedEarly: status 1"), std::string::npos)
      << out_;
  Json younger = policy(), elder = policy();
  younger["metadata"]["name"] = "a", younger["metadata"]["creationTimestamp"] = "2026-01-02T00:00:00Z";
  elder["metadata"]["name"] = "b", elder["metadata"]["creationTimestamp"] = "2026-01-01T00:00:00Z";
  out_.clear();
  answer(pod), answer_list({younger, elder}), answer_list({});
  EXPECT_EQ(run({.verb = Verb::kWhy, .name = "pod/shop-7-x"}), Exit::kSucceeded);
  EXPECT_TRUE(out_.starts_with("policy b steers it\n")) << out_;
  pod["metadata"]["ownerReferences"][0]["name"] = "cart-7";
  out_.clear();
  answer(pod), answer_list({policy()});
  EXPECT_EQ(run({.verb = Verb::kWhy, .name = "pod/shop-7-x"}), Exit::kSucceeded);
  EXPECT_TRUE(out_.starts_with("no ReloadPolicy in namespace n steers pod shop-7-x")) << out_;
}

TEST_F(CommandsTest, SupportBundleSaysWhatMayNotBeReadAndHoldsTheRest) {
  answer_list({policy()});
  api_.answer(403, R"({"message": "reloads is forbidden"})");
  for (int i = 0; i < 9; ++i) answer_list({});
  EXPECT_EQ(run({.verb = Verb::kSupportBundle}), Exit::kSucceeded);
  const Json bundle = Json::parse(out_);
  EXPECT_EQ(bundle["reloadPolicies"][0]["metadata"]["name"], "shop");
  EXPECT_TRUE(bundle["reloads"].contains("error"));
  EXPECT_EQ(notes_.size(), 1u);
  for (const auto& request : api_.requests) EXPECT_EQ(request.target.find("secrets"), std::string::npos);
}

TEST(Scrubbed, NothingThatMayBeSecretIsLeftAndWhatIsOursStays) {
  const Json object = Json::parse(R"({
    "metadata": {"managedFields": [1], "annotations": {"a": "s3cret", "sidestep.dev/refresh": "7"}},
    "data": {"k": "s3cret"},
    "spec": {"analysis": {"webhooks": [{"url": "https://hooks.example/s3cret?key=s3cret"}, {"url": "http://h?t=s3cret"}]},
      "containers": [{"name": "c",
      "command": ["app", "--password=s3cret", "--api-token", "s3cret", "--port", "1"],
      "args": ["export PASSWORD=s3cret; run", "A=1 PASSWORD=s3cret run", "--dsn=postgres://u:s3cret@db/x", "--verbose"],
      "livenessProbe": {"httpGet": {"port": 1, "httpHeaders": [{"name": "Authorization", "value": "s3cret"}]}},
      "env": [{"name": "DB", "value": "s3cret"}, {"name": "SIDESTEP_LISTEN", "value": ":1"},
              {"name": "FROM", "valueFrom": {"secretKeyRef": {"name": "n", "key": "k"}}}]}]}})");
  const std::string text = scrubbed(object).dump();
  EXPECT_EQ(text.find("s3cret"), std::string::npos) << text;
  EXPECT_EQ(text.find("managedFields"), std::string::npos);
  for (const char* kept : {"--port", "--verbose", ":1", "secretKeyRef", "\"7\"", "https://hooks.example/"})
    EXPECT_NE(text.find(kept), std::string::npos) << kept;
}

}  // namespace
}  // namespace sidestep::op::cli
