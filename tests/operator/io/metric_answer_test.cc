// Answers of Prometheus and of webhooks: what is a number, what is no data, and what is told to people.
#include "operator/io/metric_answer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

namespace sidestep::op {
namespace {

using ::testing::HasSubstr;

MetricAnswer answer(std::string body, int status = 200) {
  return metric_answer(k8s::Response{status, {}, std::move(body)});
}

std::string success(const std::string& type, const std::string& result) {
  return R"({"status":"success","data":{"resultType":")" + type + R"(","result":)" + result + "}}";
}

TEST(MetricAnswerTest, OneNumberIsReadAsAScalarOrAsAVectorOfOne) {
  EXPECT_EQ(answer(success("scalar", R"([1435781451.781,"0.25"])")).value, 0.25);
  EXPECT_EQ(answer(success("vector", R"([{"metric":{"job":"a"},"value":[1435781451,"1e-05"]}])")).value,
            1e-05);
  EXPECT_TRUE(std::isinf(*answer(success("scalar", R"([1,"+Inf"])")).value));
}

TEST(MetricAnswerTest, EverythingElseIsNoDataAndSaysWhy) {
  struct Row {
    std::string body;
    int status;
    const char* says;
  };
  const Row rows[] = {
      {success("vector", "[]"), 200, "the query gives nothing"},
      {success("vector", R"([{"value":[1,"1"]},{"value":[1,"2"]}])"), 200, "gives 2 series; aggregate them"},
      {success("scalar", R"([1,"NaN"])"), 200, "the query gives NaN"},
      {success("scalar", R"([1,"12 potatoes"])"), 200, "\"12 potatoes\" is no number"},
      {success("scalar", R"([1,12])"), 200, "holds no sample"},
      {success("matrix", "[]"), 200, "gives a matrix"},
      {success("string", R"([1,"x"])"), 200, "gives a string"},
      {R"({"status":"error","errorType":"bad_data","error":"parse error at char 3"})", 400,
       "status 400: parse error at char 3"},
      {"<html>", 502, "status 502"},
      {"<html>", 200, "not one of Prometheus' HTTP API"},
      {"", 200, "not one of Prometheus' HTTP API"},
      {"[1]", 200, "not one of Prometheus' HTTP API"},
      {R"({"status":"success","data":[]})", 200, "not one of Prometheus' HTTP API"},
  };
  for (const Row& row : rows) {
    const MetricAnswer read = answer(row.body, row.status);
    EXPECT_FALSE(read.value.has_value()) << row.body;
    EXPECT_THAT(read.message, HasSubstr(row.says)) << row.body;
  }
  EXPECT_THAT(metric_answer(unavailable("http://p: Connection refused")).message, HasSubstr("refused"));
}

TEST(MetricAnswerTest, AWebhookPassesByItsStatusAndItsReasonIsOneLine) {
  const auto said = [](int status, std::string body) {
    return webhook_answer(k8s::Response{status, {}, std::move(body)});
  };
  EXPECT_TRUE(said(204, "").passed);
  EXPECT_EQ(said(200, R"({"reason":"all green"})").message, "all green");
  EXPECT_FALSE(said(302, "").passed) << "redirects are not followed";
  EXPECT_EQ(said(503, "not today\nstack trace").message, "status 503: not today");
  EXPECT_EQ(said(500, R"({"error":1})").message, "status 500");
  EXPECT_EQ(said(500, "a\x1b[2Jb").message, "status 500: a [2Jb");
  EXPECT_LT(said(500, std::string(100'000, 'x')).message.size(), 600u);
  EXPECT_FALSE(webhook_answer(unavailable("late")).passed);
}

TEST(MetricAnswerTest, QuestionsGoToTheAddressWithTheQueryEscaped) {
  const auto request = request_of(MeasureMetric{"k", "http://p:9090/team/", "sum(a{b=\"c\"}) + 1"});
  EXPECT_EQ(request.origin, "http://p:9090");
  EXPECT_EQ(request.target, "/team/api/v1/query?query=sum%28a%7Bb%3D%22c%22%7D%29%20%2B%201");
  EXPECT_LE(request.max_body, 65'536u);
  CallWebhook call;
  call.key = "u/webhook/gate/1", call.url = "https://ci/gate?x=1", call.name = "gate", call.when = "Promote";
  call.reload = "shop-1", call.step = 2, call.timeout = Seconds(3);
  const auto posted = request_of(call, "prod", "shop");
  EXPECT_EQ(posted.method + " " + posted.origin + posted.target, "POST https://ci:443/gate?x=1");
  EXPECT_EQ(posted.timeout, Seconds(3));
  EXPECT_EQ(posted.body,
            R"({"id":"u/webhook/gate/1","namespace":"prod","policy":"shop","reload":"shop-1","step":2,)"
            R"("webhook":"gate","when":"Promote"})");
}

}  // namespace
}  // namespace sidestep::op
