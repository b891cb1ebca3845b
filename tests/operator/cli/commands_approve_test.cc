// kubectl sidestep approve: whose name it writes, and what it refuses to.
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

class ApproveTest : public ::testing::Test {
 protected:
  Exit approve(const char* name, bool withdraw = false) {
    const Surroundings around{[this](const std::string& text) { out_ += text; },
                              [this](const std::string& line) { notes_ += line; },
                              [this](Millis delay) { clock_.advance(delay); }, clock_};
    Options options{.verb = Verb::kApprove, .name = name, .name_space = "n", .withdraw = withdraw};
    return Commands(client_, options, around).run();
  }
  static Json waiting(const char* name, const char* created = "2026-11-23T09:00:00Z") {
    return {
        {"metadata", {{"name", name}, {"namespace", "n"}, {"uid", "ru"}, {"creationTimestamp", created}}},
        {"spec", {{"policyRef", {{"name", "shop"}}}, {"token", "t"}, {"reason", "new prices"}}},
        {"status",
         {{"phase", "Pending"},
          {"configHash", "v1:hmac-sha256:12"},
          {"conditions", {{{"type", "Approved"}, {"status", "False"}, {"reason", "ApprovalsMissing"}}}}}}};
  }
  void answer(const Json& object) { api_.answer(200, object.dump()); }
  void answer_name(const char* user) { answer({{"status", {{"userInfo", {{"username", user}}}}}}); }

  test::FakeTransport api_;
  test::FakeClock clock_;
  k8s::Client client_{api_, clock_, [](Millis) {}};
  std::string out_;
  std::string notes_;
};

TEST_F(ApproveTest, WritesTheNameThatTheApiServerKnowsTheUserBy) {
  answer(waiting("shop-1")), answer_name("jane"), answer(waiting("shop-1"));
  EXPECT_EQ(approve("shop-1"), Exit::kSucceeded);
  EXPECT_EQ(api_.requests[1].target.substr(0, api_.requests[1].target.find('?')),
            "/apis/authentication.k8s.io/v1/selfsubjectreviews");
  const Json patch = Json::parse(api_.requests[2].body);
  EXPECT_EQ(patch["metadata"]["annotations"], Json({{"approve.sidestep.dev/jane", "jane"}}));
  EXPECT_EQ(patch["metadata"]["uid"], "ru") << "of that object, not of a later one of its name";
  EXPECT_EQ(out_,
            "reload/shop-1 approved by jane\n  policy shop, new prices\n"
            "  ConfigMaps and Secrets as of v1:hmac-sha256:12\n");
}

TEST_F(ApproveTest, OfAPolicyApprovesTheNewestThatWaits) {
  api_.answer(404, "{}");
  Json over = waiting("shop-3", "2026-11-23T12:00:00Z");
  over["status"]["phase"] = "Aborted";
  answer({{"metadata", {{"resourceVersion", "1"}}},
          {"items", {waiting("shop-1"), waiting("shop-2", "2026-11-23T11:00:00Z"), over}}});
  answer_name("jane"), answer(waiting("shop-2"));
  EXPECT_EQ(approve("shop", true), Exit::kSucceeded);
  EXPECT_THAT(api_.requests.back().target, HasSubstr("/reloads/shop-2?"));
  EXPECT_EQ(Json::parse(api_.requests.back().body)["metadata"]["annotations"],
            Json({{"approve.sidestep.dev/jane", nullptr}}));
  EXPECT_THAT(out_, HasSubstr("no longer approved by jane"));
}

TEST_F(ApproveTest, WhatAsksForNoneOrIsOverOrStartedOrUnseenIsRefused) {
  Json none = waiting("shop-1"), over = none, started = none, unseen = none;
  none["status"]["conditions"][0]["type"] = "Progressing";
  over["status"]["phase"] = "Succeeded";
  started["status"]["startTime"] = "2026-11-23T09:00:01Z";
  unseen.erase("status");
  const std::pair<Json, const char*> rows[] = {{none, "asks for no approval"},
                                               {over, "is over: Succeeded"},
                                               {started, "has started already"},
                                               {unseen, "has not looked at reload shop-1 yet"}};
  for (const auto& [object, says] : rows) {
    notes_.clear();
    answer(object);
    EXPECT_EQ(approve("shop-1"), Exit::kRefused) << says;
    EXPECT_THAT(notes_, HasSubstr(says));
  }
}

TEST_F(ApproveTest, RefusalOfTheApiServerIsPassedOn) {
  answer(waiting("shop-1")), answer_name("joe");
  api_.answer(403, R"({"message":"needs the verb approve"})");
  EXPECT_EQ(approve("shop-1"), Exit::kRefused);
  EXPECT_THAT(notes_, HasSubstr("needs the verb approve"));
}

}  // namespace
}  // namespace sidestep::op::cli
