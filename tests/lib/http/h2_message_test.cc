// What requests of HTTP/2 clients mean to an app that speaks HTTP/1, and what its answers become.
#include "lib/http/h2_message.h"

#include <gtest/gtest.h>

namespace sidestep::http {
namespace {

class H2RequestTest : public ::testing::Test {
 protected:
  BadReason judge(bool ends = true) {
    fields_.headers = &headers_;
    return request_of(fields_, ends, limits_, "KEY==", text_, &head_);
  }
  std::string for_app() {
    std::string out;
    ForwardContext context;
    context.client_ip = "127.0.0.1";
    context.framing = head_.framing;
    context.content_length = head_.content_length;
    context.upgrade = head_.upgrade;
    append_request_head(out, head_, context);
    return out;
  }

  const H1Limits limits_;
  HeaderStore headers_;
  std::string text_;
  RequestHead head_;
  H2Fields fields_{"GET", "https", "shop", "/a?b", {}, 0, nullptr};
};

TEST_F(H2RequestTest, AuthorityIsHostAndCookiesAreOne) {
  headers_ = {{"cookie", "a=1"}, {"x", "1"}, {"cookie", "b=2"}, {"cookie", "c=3"}};
  ASSERT_EQ(judge(), BadReason::kNone);
  EXPECT_EQ(head_.authority, "shop");
  EXPECT_EQ(find_header(head_.headers, HeaderId::kCookie)->value, "a=1; b=2; c=3");
  EXPECT_EQ(head_.framing, Framing::kNone);
  EXPECT_EQ(for_app().find("GET /a?b HTTP/1.1\r\nHost: shop\r\ncookie: a=1; b=2; c=3\r\nx: 1\r\n"), 0U);
}

TEST_F(H2RequestTest, ABodyWithoutLengthIsChunkedAndOneWithLengthKeepsIt) {
  fields_.method = "POST";
  ASSERT_EQ(judge(false), BadReason::kNone);
  EXPECT_EQ(head_.framing, Framing::kChunked);
  headers_ = {{"content-length", "12"}, {"expect", "100-continue"}};
  ASSERT_EQ(judge(false), BadReason::kNone);
  EXPECT_EQ(head_.framing, Framing::kLength);
  EXPECT_EQ(head_.content_length, 12U);
  EXPECT_TRUE(head_.expect_continue);
}

TEST_F(H2RequestTest, TwoNamesForOneHostAreRefused) {
  headers_ = {{"host", "SHOP"}};
  EXPECT_EQ(judge(), BadReason::kNone);
  headers_ = {{"host", "other"}};
  EXPECT_EQ(judge(), BadReason::kHostInvalid);
  headers_ = {{"host", "shop"}, {"host", "shop"}};
  EXPECT_EQ(judge(), BadReason::kHostRepeated);
  fields_.authority = {};
  headers_ = {{"host", "only"}};
  EXPECT_EQ(judge(), BadReason::kNone);
  EXPECT_EQ(head_.authority, "only");
  headers_.clear();
  EXPECT_EQ(judge(), BadReason::kHostMissing);
  fields_.authority = "user@shop";
  EXPECT_EQ(judge(), BadReason::kUserinfo);
}

TEST_F(H2RequestTest, TargetsThatHttp1WouldRefuseAreRefused) {
  for (const std::string_view path : {"http://shop/", "*", "relative", "/a b", "/a#b", "/\x80"}) {
    fields_.path = path;
    EXPECT_NE(judge(), BadReason::kNone) << path;
  }
  fields_.method = "OPTIONS";
  fields_.path = "*";
  EXPECT_EQ(judge(), BadReason::kNone);
  const std::string longer(limits_.max_target + 1, '/');
  fields_.path = longer;
  EXPECT_EQ(judge(), BadReason::kTargetTooLong);
}

TEST_F(H2RequestTest, AWebSocketBecomesAnUpgrade) {
  fields_.method = "CONNECT";
  EXPECT_EQ(judge(false), BadReason::kMethodRefused);
  fields_.protocol = "websocket";
  headers_ = {{"sec-websocket-version", "13"}, {"sec-websocket-key", "the client's"}};
  ASSERT_EQ(judge(false), BadReason::kNone);
  EXPECT_TRUE(head_.upgrade && head_.websocket);
  const std::string head = for_app();
  EXPECT_EQ(head.find("GET /a?b HTTP/1.1\r\n"), 0U);
  EXPECT_NE(head.find("Sec-WebSocket-Key: KEY==\r\n"), std::string::npos);
  EXPECT_EQ(head.find("the client's"), std::string::npos);
  EXPECT_NE(head.find("Connection: Upgrade\r\nUpgrade: websocket\r\n"), std::string::npos);
  headers_.clear();
  EXPECT_EQ(judge(true), BadReason::kBodyNotAllowed);
  fields_.protocol = "connect-udp";
  EXPECT_EQ(judge(false), BadReason::kMethodRefused);
}

TEST(H2Answer, FieldsOfOneConnectionStayAndTheLengthIsSaid) {
  const HeaderStore fields{{"Connection", "close, x-hop"}, {"X-Hop", "1"},   {"Content-Length", "5"},
                           {"Keep-Alive", "timeout=5"},    {"X-Stays", "2"}, {"Set-Cookie", "a"}};
  ResponseHead head;
  head.status = 200;
  head.headers = fields;
  head.framing = Framing::kLength;
  head.content_length = 5;
  head.nominates = true;
  H2AnswerFields out;
  list_answer_fields(head, {}, out);
  std::string text;
  append_trailer_lines(text, out.list);
  EXPECT_EQ(text, "X-Stays: 2\r\nSet-Cookie: a\r\ncontent-length: 5\r\n");
}

}  // namespace
}  // namespace sidestep::http
