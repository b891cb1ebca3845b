#include "lib/k8s/client.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "lib/base/utf8.h"
#include "tests/support/fake_clock.h"
#include "tests/support/fake_transport.h"

namespace sidestep::k8s {
namespace {

const Resource kPods{"v1", "pods"};

class ClientTest : public ::testing::Test {
 protected:
  test::FakeTransport server_;
  test::FakeClock clock_;
  std::vector<Millis> waits_;
  Client client_{server_,
                 clock_,
                 [this](Millis delay) {
                   waits_.push_back(delay);
                   clock_.advance(delay);
                 },
                 {.requests_per_second = 10, .burst = 5}};
  std::vector<std::string> names_;
  const std::function<void(Json&&)> each_ = [this](Json&& object) {
    names_.push_back(object["metadata"]["name"]);
  };
};

TEST(TargetOf, CoreGroupedClusterWideAndSubresource) {
  EXPECT_EQ(target_of({kPods, "a", "b"}), "/api/v1/namespaces/a/pods/b");
  EXPECT_EQ(target_of({{"apps/v1", "deployments"}, "", ""}), "/apis/apps/v1/deployments");
  EXPECT_EQ(target_of({{"sidestep.dev/v1alpha1", "reloads"}, "a", "b", "status"}),
            "/apis/sidestep.dev/v1alpha1/namespaces/a/reloads/b/status");
}

TEST_F(ClientTest, ListFollowsPagesAndReturnsTheListsVersion) {
  server_.answer(
      200,
      R"({"metadata":{"continue":"x=/","resourceVersion":"7"},"items":[{"metadata":{"name":"a","resourceVersion":"99"}}]})");
  server_.answer(200, R"({"metadata":{"resourceVersion":"7"},"items":[{"metadata":{"name":"b"}}]})");
  const auto version = client_.list({kPods, "", ""}, {.label_selector = "app=shop", .page = 1}, each_);
  ASSERT_TRUE(version);
  EXPECT_EQ(*version, "7");
  EXPECT_EQ(names_, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(server_.requests[1].target, "/api/v1/pods?limit=1&labelSelector=app%3Dshop&continue=x%3D%2F");
}

TEST_F(ClientTest, ListBeginsAgainWhenThePageTokenExpires) {
  server_.answer(200, R"({"metadata":{"continue":"x"},"items":[{"metadata":{"name":"a"}}]})");
  server_.answer(410, R"({"message":"expired"})");
  server_.answer(200, R"({"metadata":{"resourceVersion":"9"},"items":[{"metadata":{"name":"c"}}]})");
  const auto version = client_.list({kPods, "", ""}, {}, each_, [this] { names_.clear(); });
  ASSERT_TRUE(version);
  EXPECT_EQ(*version, "9");
  EXPECT_EQ(names_, std::vector<std::string>{"c"});
}

TEST_F(ClientTest, RetryAfterIsObeyed) {
  server_.answer(429, "slow down", {{"retry-after", "2"}});
  server_.answer(200, "{}");
  EXPECT_TRUE(client_.get({kPods, "a", "b"}));
  EXPECT_EQ(waits_, std::vector<Millis>{Millis{2000}});
}

TEST_F(ClientTest, RetryAfterLongerThanTheLimitIsTheCallersBusiness) {
  server_.answer(429, "slow down", {{"retry-after", "31"}});
  const auto got = client_.get({kPods, "a", "b"});
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().kind, ErrorKind::kUnavailable);
  EXPECT_EQ(got.error().retry, Retry::kLater);
  EXPECT_TRUE(waits_.empty());
}

TEST_F(ClientTest, ServerErrorWithoutRetryAfterIsNotRepeatedHere) {
  server_.answer(500, "oops");
  EXPECT_FALSE(client_.get({kPods, "a", "b"}));
  EXPECT_EQ(server_.requests.size(), 1u);
}

TEST_F(ClientTest, RequestsPastTheBurstWait) {
  for (int i = 0; i < 6; ++i) server_.answer(200, "{}");
  for (int i = 0; i < 6; ++i) EXPECT_TRUE(client_.get({kPods, "a", "b"}));
  ASSERT_EQ(waits_.size(), 1u);
  EXPECT_NEAR(static_cast<double>(waits_[0].count()), 100, 2);
}

TEST_F(ClientTest, EachStatusHasItsKindAndSaysWhetherToTryAgain) {
  struct Row {
    int status;
    ErrorKind kind;
    Retry retry;
  };
  for (const Row row :
       {Row{400, ErrorKind::kInvalid, Retry::kNever}, Row{401, ErrorKind::kRefused, Retry::kNever},
        Row{403, ErrorKind::kRefused, Retry::kNever}, Row{404, ErrorKind::kNotFound, Retry::kNever},
        Row{409, ErrorKind::kConflict, Retry::kSafe}, Row{410, ErrorKind::kLimit, Retry::kSafe},
        Row{422, ErrorKind::kInvalid, Retry::kNever}, Row{429, ErrorKind::kUnavailable, Retry::kLater},
        Row{503, ErrorKind::kUnavailable, Retry::kLater}, Row{302, ErrorKind::kProtocol, Retry::kNever}}) {
    const Error error = error_of({row.status, {}, R"({"message":"because"})"}, "get pods a/b");
    EXPECT_EQ(error.kind, row.kind) << row.status;
    EXPECT_EQ(error.retry, row.retry) << row.status;
    EXPECT_EQ(error.detail, "get pods a/b: " + std::to_string(row.status) + ": because");
  }
}

TEST_F(ClientTest, ApplyForcesAndNamesTheFieldManager) {
  server_.answer(200, "{}");
  EXPECT_TRUE(client_.apply({kPods, "a", "b", "status"}, Json{{"kind", "Pod"}}));
  EXPECT_EQ(server_.requests[0].method, "PATCH");
  EXPECT_EQ(server_.requests[0].target,
            "/api/v1/namespaces/a/pods/b/status?fieldManager=sidestep&force=true");
  EXPECT_EQ(server_.requests[0].headers[0].second, "application/apply-patch+yaml");
}

TEST_F(ClientTest, RemovingWhatIsGoneIsSuccess) {
  server_.answer(404, "{}");
  EXPECT_TRUE(client_.remove({kPods, "a", "b"}));
}

TEST_F(ClientTest, AnswerThatIsNotJsonIsAProtocolError) {
  server_.answer(200, "<html>");
  const auto got = client_.get({kPods, "a", "b"});
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().kind, ErrorKind::kProtocol);
}

TEST_F(ClientTest, ListThatIsNoneOrWhoseFieldsAreOfAnotherKindIsNoException) {
  for (const char* body :
       {"{}", "[]", "7", R"({"items":[{}]})", R"({"metadata":{},"items":7})",
        R"({"kind":"Status","apiVersion":"v1","metadata":{},"status":"Success","code":200})"}) {
    server_.answer(200, body);
    const auto listed = client_.list({kPods, "", ""}, {}, [](Json&&) {});
    ASSERT_FALSE(listed) << body;
    EXPECT_EQ(listed.error().kind, ErrorKind::kProtocol) << body;
  }
  server_.answer(200, R"({"metadata":{"continue":7,"resourceVersion":[]},"items":null})");
  EXPECT_EQ(client_.list({kPods, "", ""}, {}, [](Json&&) {}).value_or("?"), "");
}

TEST_F(ClientTest, ManagedFieldsAreDropped) {
  server_.answer(200, R"({"metadata":{"managedFields":[{"manager":"x"}],"name":"b"}})");
  const auto got = client_.get({kPods, "a", "b"});
  ASSERT_TRUE(got);
  EXPECT_EQ(got->dump(), R"({"metadata":{"name":"b"}})");
}

TEST_F(ClientTest, ConflictOfAnotherKindThanThatItExistsIsNoSuccessOfACreation) {
  server_.answer(409, R"({"kind": "Status", "reason": "AlreadyExists", "message": "exists"})");
  EXPECT_EQ(client_.create({kPods, "a", ""}, Json{{"kind", "Pod"}}).error().kind, ErrorKind::kConflict);
  // What the server's admission by ResourceQuota says when two objects are made at the same moment.
  const std::string lost = R"({"kind": "Status", "reason": "Conflict",
    "message": "Operation cannot be fulfilled on resourcequotas \"q\": the object has been modified"})";
  server_.answer(409, lost);
  const auto made = client_.create({kPods, "a", ""}, Json{{"kind", "Pod"}});
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().kind, ErrorKind::kUnavailable);
  EXPECT_EQ(made.error().retry, Retry::kLater);
  server_.answer(409, lost);
  EXPECT_EQ(client_.update({kPods, "a", "b"}, Json{{"kind", "Pod"}}).error().kind, ErrorKind::kConflict);
}

TEST_F(ClientTest, BytesThatAreNoTextAreNoException) {
  server_.answer(201, "{}");
  EXPECT_TRUE(client_.create({kPods, "a", ""}, Json{{"note", "caf\xc3"}}));
  EXPECT_EQ(Json::parse(server_.requests[0].body)["note"], "caf\xEF\xBF\xBD");
  server_.answer(503, std::string(199, 'x') + "\xc3\xa9\xff");
  const auto got = client_.get({kPods, "a", "b"});
  ASSERT_FALSE(got);
  EXPECT_TRUE(is_utf8(got.error().detail)) << got.error().detail;
}

TEST_F(ClientTest, AnswerThatIsNoObjectIsAProtocolError) {
  for (const char* body : {"[]", "7", "null", "\"text\""}) {
    server_.answer(200, body);
    const auto got = client_.get({kPods, "a", "b"});
    ASSERT_FALSE(got) << body;
    EXPECT_EQ(got.error().kind, ErrorKind::kProtocol) << body;
  }
}

TEST_F(ClientTest, RetryAfterThatNoClockCanCountIsTheCallersBusiness) {
  server_.answer(429, "slow down", {{"retry-after", "9223372036854775807"}});
  EXPECT_EQ(client_.get({kPods, "a", "b"}).error().kind, ErrorKind::kUnavailable);
  EXPECT_TRUE(waits_.empty());
}

}  // namespace
}  // namespace sidestep::k8s
