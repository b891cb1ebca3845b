// kubectl sidestep uninstall --check: what it finds, and what it says of what it may not see.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "operator/cli/commands.h"
#include "tests/support/fake_clock.h"
#include "tests/support/fake_transport.h"

namespace sidestep::op::cli {
namespace {
using k8s::Json;
using ::testing::HasSubstr;

class UninstallCheckTest : public ::testing::Test {
 protected:
  Exit check() { return run(Verb::kUninstallCheck); }
  Exit run(Verb verb) {
    const Surroundings around{[this](const std::string& text) { out_ += text; },
                              [this](const std::string& line) { notes_ += line; },
                              [this](Millis delay) { clock_.advance(delay); }, clock_};
    return Commands(client_, {.verb = verb, .all_namespaces = true, .timeout = Seconds(2)}, around).run();
  }
  void answer_objects(int status) {
    for (int i = 0; i < 7; ++i) api_.answer(status, R"({"metadata": {"name": "x"}})");
  }
  void answer_list(const Json& items) {
    api_.answer(200, Json{{"metadata", {{"resourceVersion", "1"}}}, {"items", items}}.dump());
  }

  test::FakeTransport api_;
  test::FakeClock clock_;
  k8s::Client client_{api_, clock_, [](Millis) {}};
  std::string out_;
  std::string notes_;
};

TEST_F(UninstallCheckTest, NothingLeftIsSuccess) {
  answer_objects(404);
  api_.answer(404, "{}"), api_.answer(404, "{}");
  answer_list(
      {{{"metadata", {{"name", "p"}, {"namespace", "a"}}}, {"spec", {{"containers", {{{"name", "app"}}}}}}}});
  EXPECT_EQ(check(), Exit::kSucceeded);
  EXPECT_EQ(out_, "nothing of Sidestep is left\n");
}

TEST_F(UninstallCheckTest, ListsDefinitionsFinalizersPoliciesAndPods) {
  answer_objects(200);
  answer_list(
      {{{"metadata", {{"name", "shop"}, {"namespace", "a"}, {"finalizers", {"sidestep.dev/reload"}}}}},
       {{"metadata", {{"name", "cart"}, {"namespace", "b"}}}}});
  answer_list(
      {{{"metadata", {{"name", "shop-1"}, {"namespace", "a"}, {"finalizers", {"sidestep.dev/reload"}}}}},
       {{"metadata", {{"name", "shop-0"}, {"namespace", "a"}}}}});
  const Json spec = {{"initContainers", {{{"name", "sidestep"}}}}, {"containers", {{{"name", "app"}}}}};
  answer_list({{{"metadata", {{"name", "p1"}, {"namespace", "a"}}}, {"spec", spec}},
               {{"metadata", {{"name", "p2"}, {"namespace", "a"}}}, {"spec", spec}}});
  EXPECT_EQ(check(), Exit::kFailed);
  for (const char* part :
       {"objects of the cluster: 7; ", "  customresourcedefinitions/reloads.sidestep.dev\n",
        "finalizers: 2; ", "  reloadpolicies a/shop\n", "  reloads a/shop-1\n", "policies: 2; ", "  b/cart\n",
        "namespaces with pods that have the sidecar: 1; ", "  a: 2\n"})
    EXPECT_THAT(out_, HasSubstr(part));
}

TEST_F(UninstallCheckTest, WhatMayNotBeSeenIsSaidAndIsNoSuccess) {
  answer_objects(404);
  api_.answer(404, "{}"), api_.answer(404, "{}");
  api_.answer(403, R"({"message": "pods is forbidden"})");
  EXPECT_EQ(check(), Exit::kRefused);
  EXPECT_THAT(notes_, HasSubstr("not seen: "));
  EXPECT_EQ(out_, "");
}

class UninstallPrepareTest : public UninstallCheckTest {
 protected:
  Exit prepare() { return run(Verb::kUninstallPrepare); }
  static Json reload(const char* phase, Json annotations = Json::object()) {
    return {{"metadata",
             {{"name", "shop-1"},
              {"namespace", "a"},
              {"resourceVersion", "7"},
              {"annotations", std::move(annotations)},
              {"finalizers", {"other.io/x", "sidestep.dev/reload"}}}},
            {"spec", {{"policyRef", {{"name", "shop"}}}}},
            {"status", {{"phase", phase}}}};
  }
};

TEST_F(UninstallPrepareTest, WhatRunsIsAbortedOnceAndWaitedFor) {
  api_.answer(200, "{}");  // the webhook
  answer_list(Json::array({reload("Progressing")})), api_.answer(200, "{}");
  answer_list(Json::array({reload("RollingBack", {{"sidestep.dev/abort", "x"}})}));
  answer_list(Json::array());
  answer_list(Json::array()), answer_list(Json::array());  // finalizers
  EXPECT_EQ(prepare(), Exit::kSucceeded);
  EXPECT_EQ(api_.requests[0].method, "DELETE");
  EXPECT_THAT(api_.requests[2].target, HasSubstr("/namespaces/a/reloads/shop-1?"));
  EXPECT_EQ(Json::parse(api_.requests[2].body)["metadata"]["annotations"],
            Json({{"sidestep.dev/abort", "the operator is being uninstalled"}}));
  EXPECT_THAT(out_, HasSubstr("1 reloads were under way; 0 finalizers were removed"));
}

TEST_F(UninstallPrepareTest, FinalizersThatNobodyRemovesInTimeAreRemoved) {
  api_.answer(404, "{}");
  const Json stuck = reload("Progressing", {{"sidestep.dev/abort", "x"}});
  for (int look = 0; look < 5; ++look) answer_list(Json::array({stuck}));  // 2 s in halves
  answer_list(Json::array({stuck})), api_.answer(200, stuck.dump());
  api_.answer(409, "{}"), api_.answer(200, stuck.dump()), api_.answer(200, "{}");
  answer_list(Json::array());
  EXPECT_EQ(prepare(), Exit::kSucceeded);
  const Json patch = Json::parse(api_.requests[api_.requests.size() - 2].body);
  EXPECT_EQ(patch["metadata"]["finalizers"], Json::array({"other.io/x"}));
  EXPECT_EQ(patch["metadata"]["resourceVersion"], "7");
  EXPECT_THAT(out_, HasSubstr("1 finalizers were removed"));
}

TEST_F(UninstallPrepareTest, WithoutTheRightsItSaysSoAndDoesNotWait) {
  for (int i = 0; i < 3; ++i) api_.answer(403, R"({"message": "no"})");
  EXPECT_EQ(prepare(), Exit::kRefused);
  EXPECT_EQ(api_.requests.size(), 3u);
}

TEST_F(UninstallCheckTest, PrepareGoesOnWaitingWhenTheApiServerIsAwayForAMoment) {
  const Json running = {{"metadata",
                         {{"name", "shop-1"},
                          {"namespace", "a"},
                          {"finalizers", {"sidestep.dev/reload"}},
                          {"annotations", {{"sidestep.dev/abort", "true"}}}}},
                        {"spec", {{"policyRef", {{"name", "shop"}}}}},
                        {"status", {{"phase", "RollingBack"}, {"startTime", "2026-11-23T09:30:00Z"}}}};
  api_.answer(200, "{}");  // the webhook
  answer_list(Json::array({running}));
  api_.fail();
  for (int i = 0; i < 3; ++i) answer_list(Json::array());
  EXPECT_EQ(run(Verb::kUninstallPrepare), Exit::kSucceeded);
  EXPECT_EQ(api_.requests.size(), 6u) << "it looked again after the failure";
  EXPECT_EQ(notes_, "");
  EXPECT_THAT(out_, HasSubstr("1 reloads were under way; 0 finalizers"));
}

}  // namespace
}  // namespace sidestep::op::cli
