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

TEST_F(RequestTest, TwoWaysToFindTheEndOfABodyAreRefused) {
  EXPECT_EQ(
      reason_for("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n"),
      BadReason::kCodingWithLength);
}

}  // namespace
}  // namespace sidestep::http
