#include "lib/front/handover.h"

#include <gtest/gtest.h>

namespace sidestep::front {
namespace {

Request request(std::string method, std::string body = "") {
  return {std::move(method), "/v1/x?a=b", {{"Accept", "*/*"}}, std::move(body), false, true};
}

TEST(Handover, RequestIsWrittenAnewWithItsPrincipal) {
  EXPECT_EQ(handover_request(request("POST", "{}"), {false, "198.18.0.7"}, "token"),
            "POST /v1/x?a=b HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nSidestep-Door: token\r\n"
            "Sidestep-Principal: tcp 198.18.0.7\r\nAccept: */*\r\nContent-Length: 2\r\n\r\n{}");
  EXPECT_EQ(handover_request(request("GET"), {true, ""}, "t"),
            "GET /v1/x?a=b HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nSidestep-Door: "
            "t\r\nSidestep-Principal: local\r\n"
            "Accept: */*\r\n\r\n");
}

TEST(Handover, AnswerGetsItsOwnFraming) {
  const std::string chunked =
      "HTTP/1.1 200 OK\r\nContent-Type: a/b\r\nConnection: close\r\nTransfer-Encoding: "
      "chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n";
  EXPECT_EQ(answer_for_client(chunked, request("GET"), false).value_or(""),
            "HTTP/1.1 200 OK\r\nContent-Type: a/b\r\nContent-Length: 2\r\n\r\nhi");
  EXPECT_EQ(answer_for_client("HTTP/1.1 503 x\r\n\r\nuntil close", request("GET"), true).value_or(""),
            "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 11\r\nConnection: close\r\n\r\nuntil close");
}

TEST(Handover, AnswerToHeadKeepsTheLengthWithoutABody) {
  EXPECT_EQ(
      answer_for_client("HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n", request("HEAD"), false).value_or(""),
      "HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n");
}

TEST(Handover, AnswerThatIsCutOffOrBrokenIsNone) {
  for (const char* bytes :
       {"", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nab", "junk\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n"}) {
    EXPECT_FALSE(answer_for_client(bytes, request("GET"), false)) << bytes;
  }
}

TEST(Handover, InterimAnswersAreSkipped) {
  EXPECT_EQ(answer_for_client("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
                              request("POST"), false)
                .value_or(""),
            "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
}

}  // namespace
}  // namespace sidestep::front
