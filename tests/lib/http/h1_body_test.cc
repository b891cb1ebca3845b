// The reader as a forwarder uses it: slices are views of the input, nothing is kept, the end is exact.
#include "lib/http/h1_body.h"

#include <gtest/gtest.h>

#include <string>

namespace sidestep::http {
namespace {

class BodyTest : public ::testing::Test {
 protected:
  BodyStep next(std::string_view bytes) { return reader_.next(bytes, limits_); }

  H1Limits limits_;
  BodyReader reader_;
};

TEST_F(BodyTest, NoBodyIsFinishedBeforeTheFirstByte) {
  reader_.start(Framing::kNone, 0);
  EXPECT_TRUE(reader_.finished());
  EXPECT_TRUE(next("GET").finished);
  EXPECT_EQ(next("GET").consumed, 0U);
}

TEST_F(BodyTest, LengthTakesExactlyItsBytes) {
  reader_.start(Framing::kLength, 5);
  EXPECT_EQ(next("hel").data, "hel");
  EXPECT_EQ(reader_.remaining(), 2U);
  const BodyStep last = next("loGET");
  EXPECT_EQ(last.data, "lo");
  EXPECT_EQ(last.consumed, 2U);
  EXPECT_TRUE(last.finished);
}

TEST_F(BodyTest, AnUnfinishedBodyIsNotCompleteWhenTheConnectionEnds) {
  for (const Framing framing : {Framing::kLength, Framing::kChunked}) {
    reader_.start(framing, 5);
    EXPECT_FALSE(reader_.complete_at_eof());
    next("1");
    EXPECT_FALSE(reader_.complete_at_eof());
  }
  reader_.start(Framing::kUntilClose, 0);
  EXPECT_TRUE(reader_.complete_at_eof());
  EXPECT_FALSE(next("x").finished);
}

TEST_F(BodyTest, ChunkedPayloadIsASliceOfTheInput) {
  const std::string_view bytes = "5\r\nhello\r\n0\r\n\r\nnext";
  reader_.start(Framing::kChunked, 0);
  const BodyStep step = next(bytes);
  EXPECT_EQ(step.data.data(), bytes.data() + 3);
  EXPECT_EQ(step.data, "hello");
  const BodyStep end = next(bytes.substr(step.consumed));
  EXPECT_TRUE(end.finished);
  EXPECT_EQ(step.consumed + end.consumed, bytes.size() - 4);
}

TEST_F(BodyTest, OnlyAnUnfinishedTrailerSectionIsLeftToTheCaller) {
  reader_.start(Framing::kChunked, 0);
  EXPECT_EQ(next("0\r\nX: 1\r\n").consumed, 3U);
  EXPECT_EQ(next("X: 1\r\n").consumed, 0U);
  const BodyStep end = next("X: 1\r\n\r\nrest");
  EXPECT_TRUE(end.finished);
  EXPECT_EQ(end.trailers, "X: 1\r\n");
  EXPECT_EQ(end.consumed, 8U);
}

TEST_F(BodyTest, ABadBodyStaysBad) {
  reader_.start(Framing::kChunked, 0);
  EXPECT_EQ(next("x").bad, BadReason::kChunkSize);
  EXPECT_EQ(next("0\r\n\r\n").bad, BadReason::kChunkSize);
  EXPECT_FALSE(reader_.finished());
}

TEST_F(BodyTest, StartForgetsTheBodyBefore) {
  reader_.start(Framing::kChunked, 0);
  next("x");
  reader_.start(Framing::kLength, 1);
  EXPECT_TRUE(next("x").finished);
}

TEST_F(BodyTest, ABodyTakesFewBytesOfMemory) { EXPECT_LE(sizeof(BodyReader), 24U); }

}  // namespace
}  // namespace sidestep::http
