#include "sidecar/launch/output.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

namespace sidestep::launch {
namespace {

using testing::ElementsAre;

std::string read_all(int fd) {
  std::string text(1U << 20U, '\0');
  std::size_t size = 0;
  while (size < text.size()) {
    const ssize_t got = read(fd, text.data() + size, text.size() - size);
    if (got <= 0) break;
    size += static_cast<std::size_t>(got);
  }
  text.resize(size);
  return text;
}

TEST(OutputTailTest, LinesArePutTogetherHoweverTheyArrive) {
  OutputTail tail;
  for (const char* part : {"on", "e\ntw", "o\n", "\nthree"}) tail.add(part);
  EXPECT_THAT(tail.lines(), ElementsAre("one", "two", "", "three"));
}

TEST(OutputTailTest, TheLastFiftyLinesAreKept) {
  OutputTail tail;
  for (int i = 0; i < 120; ++i) tail.add("line " + std::to_string(i) + "\n");
  const auto lines = tail.lines();
  ASSERT_EQ(lines.size(), 50U);
  EXPECT_EQ(lines.front(), "line 70");
  EXPECT_EQ(lines.back(), "line 119");
}

TEST(OutputTailTest, AnEndlessLineIsCutAndMarked) {
  OutputTail tail;
  for (int i = 0; i < 100; ++i) tail.add(std::string(1000, 'x'));
  tail.add("\nnext\n");
  const auto lines = tail.lines();
  EXPECT_EQ(lines[0], std::string(OutputTail::kMaxLineBytes, 'x') + " …");
  EXPECT_EQ(lines[1], "next");
}

// A pipe as our standard output would be one; what is inside is read by hand.
class OutputSinkTest : public ::testing::Test {
 protected:
  OutputSinkTest() {
    int ends[2];
    EXPECT_EQ(pipe2(ends, O_CLOEXEC), 0);
    reader_.reset(ends[0]);
    writer_.reset(ends[1]);
    fcntl(reader_.get(), F_SETFL, O_NONBLOCK);
  }

  UniqueFd reader_, writer_;
};

TEST_F(OutputSinkTest, WhatIsWrittenArrives) {
  OutputSink sink(writer_.get());
  sink.write("hello\n");
  EXPECT_EQ(read_all(reader_.get()), "hello\n");
  EXPECT_FALSE(sink.has_pending());
}

TEST_F(OutputSinkTest, AStuckReaderCostsBytesAndNotTime) {
  OutputSink sink(writer_.get());
  const std::string block(100'000, 'x');
  for (int i = 0; i < 50; ++i) sink.write(block);  // would never return if it waited
  EXPECT_TRUE(sink.has_pending());
  EXPECT_GT(sink.dropped(), 4'000'000U);
}

TEST_F(OutputSinkTest, ALossIsSaidOnceTheReaderIsBack) {
  OutputSink sink(writer_.get());
  for (int i = 0; i < 10; ++i) sink.write(std::string(100'000, 'x'));
  std::string seen;
  const auto drain = [&] {
    do {
      sink.flush();
      seen += read_all(reader_.get());
    } while (sink.has_pending());
  };
  drain();
  sink.write("back\n");
  drain();
  EXPECT_NE(seen.find("bytes of output dropped"), std::string::npos);
  EXPECT_TRUE(seen.ends_with("back\n"));
}

TEST_F(OutputSinkTest, TheDescriptorOfOthersStaysBlocking) {
  OutputSink sink(writer_.get());
  sink.write("x");
  EXPECT_EQ(fcntl(writer_.get(), F_GETFL) & O_NONBLOCK, 0);
}

TEST_F(OutputSinkTest, AReaderThatIsGoneIsNoError) {
  signal(SIGPIPE, SIG_IGN);
  OutputSink sink(writer_.get());
  reader_.reset();
  sink.write("lost\n");
  EXPECT_FALSE(sink.has_pending());
  EXPECT_EQ(sink.dropped(), 5U);
}

}  // namespace
}  // namespace sidestep::launch
