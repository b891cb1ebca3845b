// Heads as they come from the wire, whole and cut at every place: the verdict must not depend on how they
// were cut.
#include "lib/http/h1_parser.h"

#include <gtest/gtest.h>

#include <string>

namespace sidestep::http {
namespace {

class RequestTest : public ::testing::Test {
 protected:
  HeadResult parse(std::string_view bytes) {
    bytes_ = bytes;
    return parse_request_head(bytes_, limits_, &head_, store_);
  }
  BadReason reason_for(std::string_view bytes) { return parse(bytes).reason; }

  H1Limits limits_;
  RequestHead head_;
  HeaderStore store_;
  std::string bytes_;
};

TEST_F(RequestTest, OrdinaryRequestIsReadWithoutCopying) {
  const std::string_view bytes = "GET /a?b=c HTTP/1.1\r\nHost: shop\r\nX-A:  1 \r\n\r\nrest";
  const HeadResult result = parse(bytes);
  ASSERT_EQ(result.state, HeadResult::kDone);
  EXPECT_EQ(result.consumed, bytes.size() - 4);
  EXPECT_EQ(head_.method, Method::kGet);
  EXPECT_EQ(head_.target, "/a?b=c");
  EXPECT_EQ(head_.authority, "shop");
  ASSERT_EQ(head_.headers.size(), 2U);
  EXPECT_EQ(head_.headers[1].value, "1");
  EXPECT_EQ(head_.framing, Framing::kNone);
  EXPECT_TRUE(head_.keep_alive);
  EXPECT_EQ(head_.target.data(), bytes_.data() + 4);
}

TEST_F(RequestTest, EveryPrefixOfAGoodHeadNeedsMore) {
  const std::string whole =
      "\r\nPOST http://shop:80/x HTTP/1.1\r\nHost: other\r\nTransfer-Encoding: chunked\r\nExpect: "
      "100-continue\r\n\r\n";
  for (std::size_t size = 0; size < whole.size(); ++size) {
    EXPECT_EQ(parse(whole.substr(0, size)).state, HeadResult::kNeedMore) << size;
  }
  EXPECT_EQ(parse(whole).state, HeadResult::kDone);
  EXPECT_EQ(head_.authority, "shop:80");
  EXPECT_TRUE(head_.expect_continue);
}

TEST_F(RequestTest, AHeadMayFillItsBoundAndNotOneByteMore) {
  const std::string whole = "GET / HTTP/1.1\r\nHost: a\r\nX: 1\r\n\r\n";
  limits_.max_head_bytes = whole.size();
  EXPECT_EQ(parse(whole).state, HeadResult::kDone);
  EXPECT_EQ(parse(whole.substr(0, whole.size() - 1)).state, HeadResult::kNeedMore);
  limits_.max_head_bytes = whole.size() - 1;
  EXPECT_EQ(parse(whole.substr(0, whole.size() - 2)).state, HeadResult::kNeedMore);
  EXPECT_EQ(parse(whole.substr(0, whole.size() - 1)).reason, BadReason::kHeadTooLarge);
  EXPECT_EQ(parse(whole).reason, BadReason::kHeadTooLarge);
}

TEST_F(RequestTest, ABadRequestSaysWhereItWentWrong) {
  const HeadResult result = parse("GET / HTTP/1.1\r\nHost: a\r\nX : 1\r\n\r\n");
  EXPECT_EQ(result.reason, BadReason::kSpaceBeforeColon);
  EXPECT_EQ(result.consumed, 26U);
  EXPECT_EQ(result.status, 400);
}

TEST_F(RequestTest, TheStoreIsUsedAgainWithoutAllocating) {
  parse("GET / HTTP/1.1\r\nHost: a\r\nX: 1\r\nY: 2\r\n\r\n");
  const Header* before = store_.data();
  parse("GET / HTTP/1.1\r\nHost: b\r\nZ: 3\r\n\r\n");
  EXPECT_EQ(store_.data(), before);
  EXPECT_EQ(head_.headers.size(), 2U);
}

// A client that sends byte by byte costs a number of parses that grows with the logarithm of the head.
TEST_F(RequestTest, ADrippingHeadIsParsedFewTimes) {
  const std::string whole = "GET / HTTP/1.1\r\nHost: a\r\nX: " + std::string(60000, 'x') + "\r\n\r\n";
  HeadScanner scanner;
  int parses = 0;
  HeadResult result;
  for (std::size_t size = 1; result.state == HeadResult::kNeedMore; ++size) {
    if (!scanner.worth_parsing(std::string_view(whole).substr(0, size), limits_)) continue;
    result = parse_request_head(std::string_view(whole).substr(0, size), limits_, &head_, store_);
    ++parses;
  }
  EXPECT_EQ(result.consumed, whole.size());
  EXPECT_LE(parses, 20);
}

TEST_F(RequestTest, ALineThatEndsInLfAloneIsRefusedAtOnceThoughTheHeadGoesOn) {
  HeadScanner scanner;
  const std::string_view bytes = "GET / HTTP/1.1\r\nHost: a\r\nX: 1\n";
  for (std::size_t size = 1; size < bytes.size(); ++size)
    scanner.worth_parsing(bytes.substr(0, size), limits_);
  EXPECT_TRUE(scanner.worth_parsing(bytes, limits_));
  EXPECT_EQ(reason_for(bytes), BadReason::kBareLf);
}

TEST_F(RequestTest, TwoWaysToFindTheEndOfABodyAreRefused) {
  EXPECT_EQ(
      reason_for("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n"),
      BadReason::kCodingWithLength);
}

}  // namespace
}  // namespace sidestep::http
