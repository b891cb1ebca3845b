// Large bodies that pass from socket to socket: the pipe by itself, and through a real plane.
#include "sidecar/io/splice_pipe.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>

#include "lib/loop/signals.h"
#include "tests/support/plane_fixture.h"

namespace sidestep::test {
namespace {

using sidecar::Buffer;
using sidecar::Outcome;
using sidecar::SendState;
using sidecar::SplicePipe;

// Bytes that differ from block to block, so that what is moved shows.
std::string pattern(std::size_t size) {
  std::string text;
  text.reserve(size + 16);
  for (std::size_t i = 0; text.size() < size; ++i) text += std::to_string(i * 7919) + ",";
  text.resize(size);
  return text;
}

class SplicePipeTest : public ::testing::Test {
 protected:
  SplicePipeTest() {
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, from_.data()), 0);
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, to_.data()), 0);
    EXPECT_TRUE(pipe_.open());
  }
  ~SplicePipeTest() override {
    for (const int fd : {from_[0], from_[1], to_[0], to_[1]}) ::close(fd);
  }
  SendState drain() { return pipe_.drain(to_[0], rest_, sent_, scratch_.data(), scratch_.size()); }
  std::string received() {
    std::string all;
    std::array<char, 4096> piece;
    for (ssize_t n = 0; (n = ::read(to_[1], piece.data(), piece.size())) > 0;) all.append(piece.data(), static_cast<std::size_t>(n));
    return all;
  }

  std::array<int, 2> from_;
  std::array<int, 2> to_;
  SplicePipe pipe_;
  Buffer rest_;
  std::uint64_t sent_ = 0;
  std::array<char, 1000> scratch_;
};

TEST_F(SplicePipeTest, TakesNoMoreThanItWasToldAndLeavesTheRestInTheSocket) {
  ASSERT_EQ(::write(from_[1], "0123456789", 10), 10);
  EXPECT_EQ(pipe_.fill(from_[0], 4), 4);
  EXPECT_EQ(drain(), SendState::kAll);
  EXPECT_EQ(received(), "0123");
  EXPECT_EQ(sent_, 4U);
  EXPECT_EQ(pipe_.fill(from_[0], 100), 6);
  EXPECT_EQ(drain(), SendState::kAll);
  EXPECT_EQ(received(), "456789");
}

TEST_F(SplicePipeTest, NothingThatWaitsAndTheEndAreToldApart) {
  EXPECT_EQ(pipe_.fill(from_[0], 4), -1);
  EXPECT_EQ(errno, EAGAIN);
  ::shutdown(from_[1], SHUT_WR);
  EXPECT_EQ(pipe_.fill(from_[0], 4), 0);
}

TEST_F(SplicePipeTest, WhatTheSocketDoesNotTakeIsKeptInOrder) {
  const std::string filler(1000, 'x');
  while (::write(to_[0], filler.data(), filler.size()) > 0) {
  }
  const std::string text = pattern(5'000);
  ASSERT_EQ(::write(from_[1], text.data(), text.size()), static_cast<ssize_t>(text.size()));
  ASSERT_EQ(pipe_.fill(from_[0], text.size()), static_cast<ssize_t>(text.size()));
  EXPECT_EQ(drain(), SendState::kSome);
  EXPECT_EQ(rest_.view(), text);
  EXPECT_EQ(sent_, 0U);
}

TEST_F(SplicePipeTest, ASocketWhoseOtherSideIsGoneIsBrokenAndThePipeIsEmpty) {
  sidestep::block_signal(SIGPIPE);
  ::shutdown(to_[0], SHUT_WR);
  ASSERT_EQ(::write(from_[1], "lost", 4), 4);
  EXPECT_EQ(pipe_.fill(from_[0], 4), 4);
  EXPECT_EQ(drain(), SendState::kBroken);
  EXPECT_TRUE(rest_.empty());
}

constexpr std::size_t kLarge = 3'000'000;

TEST_F(PlaneTest, LargeAnswersPassWholeAndTheirConnectionServesAgain) {
  const std::string body = pattern(kLarge);
  RawApp app(RawApp::answering(body));
  start(active(1, app));
  RawConn conn = client();
  for (int i = 0; i < 3; ++i) {
    conn.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    conn.read_until("\r\n\r\n");
    EXPECT_TRUE(conn.read_bytes(kLarge) == body);
  }
  EXPECT_EQ(app.connections(), 1);
}

TEST_F(PlaneTest, ALargeAnswerToAClientThatReadsLateArrivesWhole) {
  const std::string body = pattern(4 * kLarge);
  RawApp app(RawApp::answering(body));
  start(active(1, app));
  RawConn conn = client();
  conn.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  ASSERT_TRUE(wait([&] { return plane_->counters().limits.of(sidecar::Limit::kStreamBufferBytes) > 0; }));
  conn.read_until("\r\n\r\n");
  EXPECT_TRUE(conn.read_bytes(body.size()) == body);
}

TEST_F(PlaneTest, ALargeAnswerThatIsCutDoesNotLookWhole) {
  RawApp app([](RawConn& conn) {
    conn.read_message();
    conn.send("HTTP/1.1 200 OK\r\nContent-Length: 6000000\r\n\r\n" + pattern(kLarge));
  });
  start(active(1, app));
  RawConn conn = client();
  conn.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_LE(conn.read_all().size(), kLarge + 200);
  ASSERT_TRUE(wait([&] { return of(1).by_outcome[static_cast<std::size_t>(Outcome::kAppReset)] == 1; }));
}

TEST_F(PlaneTest, AClientThatLeavesInALargeAnswerHarmsNobody) {
  RawApp app(RawApp::answering(pattern(4 * kLarge)));
  start(active(1, app));
  for (int i = 0; i < 5; ++i) {
    RawConn conn = client();
    conn.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    conn.read_bytes(100'000);
    conn.reset();
  }
  EXPECT_EQ(get().size() > 4 * kLarge, true);
}

}  // namespace
}  // namespace sidestep::test
