// What the proxy writes by itself, and that the parser reads it back.
#include "lib/http/h1_writer.h"

#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

#include "lib/http/forwarding.h"
#include "lib/http/h1_parser.h"

namespace sidestep::http {
namespace {

TEST(OwnAnswer, IsWholeAndAnnouncesTheEnd) {
  std::string out;
  append_own_answer(out, {.status = 503, .text = "no app", .retry_after = Seconds(5)});
  EXPECT_EQ(
      out,
      "HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 7\r\n"
      "Cache-Control: no-store\r\nRetry-After: 5\r\nConnection: close\r\n\r\nno app\n");
}

TEST(OwnAnswer, ToHeadHasTheLengthAndNoBody) {
  std::string out;
  append_own_answer(out, {.status = 502, .text = "x", .close = false, .head_only = true});
  EXPECT_NE(out.find("Content-Length: 2\r\n"), std::string::npos);
  EXPECT_TRUE(out.ends_with("\r\n\r\n"));
  EXPECT_EQ(out.find("Connection"), std::string::npos);
}

TEST(OwnAnswer, EveryStatusOfABadRequestIsReadBackByTheParser) {
  for (int i = 1; i <= static_cast<int>(BadReason::kTrailer); ++i) {
    const auto reason = static_cast<BadReason>(i);
    std::string out;
    append_own_answer(out, {.status = status_of(reason), .text = to_string(reason)});
    ResponseHead head;
    HeaderStore store;
    ASSERT_EQ(parse_response_head(out, Method::kGet, H1Limits(), &head, store).state, HeadResult::kDone);
    EXPECT_EQ(head.status, status_of(reason));
    EXPECT_FALSE(head.reason.empty()) << head.status;
    EXPECT_FALSE(head.keep_alive);
  }
}

TEST(Chunks, AreReadBackByTheReader) {
  std::string out;
  append_chunk_head(out, 300);
  out.append(std::string(300, 'x')).append(kChunkEnd);
  append_last_chunk(out, "X: 1\r\n");
  BodyReader reader;
  reader.start(Framing::kChunked, 0);
  const BodyStep data = reader.next(out, H1Limits());
  EXPECT_EQ(data.data, std::string(300, 'x'));
  const BodyStep end = reader.next(std::string_view(out).substr(data.consumed), H1Limits());
  EXPECT_TRUE(end.finished);
  EXPECT_EQ(end.trailers, "X: 1\r\n");
}

TEST(Decimal, OfTheLargestNumber) {
  std::string out;
  append_decimal(out, 0), append_decimal(out, 18446744073709551615U);
  EXPECT_EQ(out, "018446744073709551615");
}

TEST(Trailers, OnlyHarmlessFieldsPass) {
  std::string out;
  HeaderStore store;
  const std::vector<Header> head = {{"Connection", "X-Hop"}};
  append_trailers(
      out,
      "Grpc-Status: 0\r\nContent-Length: 5\r\nHost: b\r\nX-Forwarded-For: 1\r\nTransfer_Encoding: x\r\n"
      "x-hop: 1\r\nConnection: close\r\nX-Sum:  a \r\n",
      head, H1Limits(), store);
  EXPECT_EQ(out, "Grpc-Status: 0\r\nX-Sum: a\r\n");
}

TEST(Trailers, NoneStayNone) {
  std::string out;
  HeaderStore store;
  append_trailers(out, "", {}, H1Limits(), store);
  EXPECT_TRUE(out.empty());
}

TEST(BadReason, NamesAreUniqueAndFitALabel) {
  std::set<std::string_view> names;
  for (int i = 1; i <= static_cast<int>(BadReason::kTrailer); ++i) {
    const std::string_view name = to_string(static_cast<BadReason>(i));
    EXPECT_TRUE(names.insert(name).second) << name;
    EXPECT_EQ(name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_"), std::string_view::npos)
        << name;
  }
}

}  // namespace
}  // namespace sidestep::http
