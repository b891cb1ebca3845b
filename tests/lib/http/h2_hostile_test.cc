// Peers that no library would be: field blocks that mean something else in HTTP/1, and floods.
#include <gtest/gtest.h>

#include "tests/lib/http/h2_link.h"

namespace sidestep::http {
namespace {

const std::string kGet = h2_literal(":method", "GET") + h2_literal(":scheme", "http") +
                         h2_literal(":path", "/") + h2_literal(":authority", "shop");

class H2HostileTest : public ::testing::Test {
 protected:
  H2HostileTest() { EXPECT_TRUE(give(std::string(kH2Preface) + h2_frame(kSettingsFrame, 0, 0, ""))); }

  bool give(std::string_view bytes) {
    const bool goes_on = server_.session.receive(bytes, now_);
    said_ += server_.session.output();
    server_.session.sent(server_.session.output().size());
    return goes_on;
  }
  bool request(std::string_view block, bool ends = true) {
    next_ += 2;
    return give(h2_frame(kHeadersFrame, kEndHeaders | (ends ? kEndStream : 0U), next_, block));
  }
  // RST_STREAM of the last stream with the code.
  bool was_reset(char code) const {
    return said_.find(h2_frame(kRstFrame, 0, next_, std::string("\0\0\0", 3) + code)) != std::string::npos;
  }
  bool said_goaway(char code) const {
    return said_.find(std::string("\0\0\0", 3) + code, said_.rfind('\x07')) != std::string::npos;
  }

  H2Peer server_{H2Role::kServer};
  std::uint32_t next_ = static_cast<std::uint32_t>(-1);
  TimePoint now_{};
  std::string said_;
};

TEST_F(H2HostileTest, FieldsThatCouldSmuggleEndTheirStreamAndReachNobody) {
  const std::string blocks[] = {
      kGet + h2_literal("x", std::string("a\r\nHost: b")),
      kGet + h2_literal("x", std::string("a\0b", 3)),
      kGet + h2_literal("x", "a\nb"),
      kGet + h2_literal("x", " padded"),
      kGet + h2_literal("x", "padded "),
      kGet + h2_literal("X-Upper", "a"),
      kGet + h2_literal("a b", "a"),
      kGet + h2_literal("a:b", "a"),
      kGet + h2_literal("", "a"),
      kGet + h2_literal("connection", "close"),
      kGet + h2_literal("transfer-encoding", "chunked"),
      kGet + h2_literal("upgrade", "h2c"),
      kGet + h2_literal("keep-alive", "1"),
      kGet + h2_literal("proxy-connection", "close"),
      kGet + h2_literal("te", "gzip"),
      kGet + h2_literal(":path", "/again"),
      kGet + h2_literal("x", "1") + h2_literal(":extra", "late"),
      kGet + h2_literal(":unknown", "1"),
      kGet + h2_literal(":status", "200"),
      kGet + h2_literal(":protocol", "websocket"),
      kGet + h2_literal("content-length", "1"),
      kGet + h2_literal("content-length", "-1"),
      kGet + h2_literal("content-length", "0") + h2_literal("content-length", "0"),
      h2_literal(":method", "GET") + h2_literal(":scheme", "http") + h2_literal(":authority", "shop"),
      h2_literal(":method", "GET") + h2_literal(":path", "/") + h2_literal(":authority", "shop"),
      h2_literal(":scheme", "http") + h2_literal(":path", "/") + h2_literal(":authority", "shop"),
      h2_literal(":method", "GET") + h2_literal(":scheme", "http") + h2_literal(":path", ""),
      h2_literal(":method", "G T") + h2_literal(":scheme", "http") + h2_literal(":path", "/"),
      h2_literal(":method", "GET") + h2_literal(":scheme", "http") + h2_literal(":path", "/a b"),
      h2_literal(":method", "GET") + h2_literal(":scheme", "http") + h2_literal(":path", "no-slash"),
  };
  int number = 0;
  for (const std::string& block : blocks) {
    said_.clear();
    EXPECT_TRUE(request(block)) << number;
    EXPECT_TRUE(was_reset(1)) << number;
    EXPECT_EQ(server_.events.take_log().find("request"), std::string::npos) << number;
    ++number;
  }
  EXPECT_TRUE(request(kGet)) << "the connection lives on";
  EXPECT_EQ(server_.events.take_log(), "request " + std::to_string(next_) + " GET shop/ ends\n");
}

TEST_F(H2HostileTest, ABodyThatDoesNotFitItsLengthIsNeverWhole) {
  const std::string with_length = kGet + h2_literal("content-length", "3");
  for (const std::string_view body : {"ab", "abcd"}) {
    said_.clear();
    request(with_length, false);
    give(h2_frame(kDataFrame, kEndStream, next_, body));
    EXPECT_TRUE(was_reset(1)) << body;
    EXPECT_EQ(server_.events.take_log().find("end\n"), std::string::npos) << body;
  }
}

TEST_F(H2HostileTest, AHeadAboveItsBoundIsHandedOnAsRefused) {
  std::string block = kGet;
  for (int i = 0; i < 200; ++i) block += h2_literal("x-" + std::to_string(i), "1");
  EXPECT_TRUE(request(block));
  EXPECT_NE(server_.events.take_log().find("refused=too_many_fields"), std::string::npos);
}

TEST_F(H2HostileTest, AHeaderBombEndsTheConnection) {
  // One large field that enters the table, then its index again and again: a byte each.
  std::string block = kGet + std::string("\x40\x01x\x7f\xc1\x1e", 6) + std::string(4'000, 'v');
  block += std::string(1'000, '\xbe');
  EXPECT_FALSE(request(block));
  EXPECT_EQ(server_.session.fault(), "header bomb");
  EXPECT_TRUE(said_goaway(11));
}

TEST_F(H2HostileTest, RapidResetsEndTheConnection) {
  bool goes_on = true;
  std::uint32_t most = 0;
  for (; goes_on && most < 1'000; ++most) {
    goes_on = request(kGet, false) && give(h2_frame(kRstFrame, 0, next_, std::string("\0\0\0\x08", 4)));
  }
  EXPECT_EQ(most, server_.limits.reset_burst + 1);
  EXPECT_TRUE(said_goaway(11));
}

TEST_F(H2HostileTest, StreamsThatOurResetIsProvokedForCountToo) {
  std::uint32_t most = 0;
  for (bool goes_on = true; goes_on && most < 1'000; ++most) {
    goes_on =
        request(kGet, false) && give(h2_frame(kWindowFrame, 0, next_, std::string("\x7f\xff\xff\xff", 4)));
  }
  EXPECT_LE(most, server_.limits.reset_burst + 2);
  EXPECT_TRUE(said_goaway(11));
}

TEST_F(H2HostileTest, ResetsWithTimeBetweenThemAreAllowed) {
  for (int i = 0; i < 1'000; ++i) {
    now_ += Millis(60);
    ASSERT_TRUE(request(kGet, false)) << i;
    ASSERT_TRUE(give(h2_frame(kRstFrame, 0, next_, std::string("\0\0\0\x08", 4)))) << i;
  }
}

TEST_F(H2HostileTest, FramesThatCarryNothingEndTheConnectionInTheEnd) {
  const std::string floods[] = {
      h2_frame(kPingFrame, 0, 0, "12345678"),
      h2_frame(kSettingsFrame, 0, 0, ""),
      h2_frame(kPriorityFrame, 0, 99, std::string("\0\0\0\0\x10", 5)),
      h2_frame(kWindowFrame, 0, 0, std::string("\0\0\0\x01", 4)),
      h2_frame(kDataFrame, 0, 1, ""),
      h2_frame(99, 0, 0, "unknown"),
  };
  for (const std::string& flood : floods) {
    H2Peer server(H2Role::kServer);
    std::string bytes = std::string(kH2Preface) + h2_frame(kSettingsFrame, 0, 0, "") +
                        h2_frame(kHeadersFrame, kEndHeaders, 1, kGet);
    EXPECT_TRUE(server.session.receive(bytes, TimePoint()));
    bool goes_on = true;
    std::uint32_t most = 0;
    for (; goes_on && most < 5'000; ++most) {
      goes_on = server.session.receive(flood, TimePoint());
      server.session.sent(server.session.output().size());
    }
    EXPECT_LE(most, server.limits.control_burst + 1) << int{flood[3]};
    EXPECT_FALSE(goes_on) << int{flood[3]};
  }
}

TEST_F(H2HostileTest, AStreamThatDependsOnItselfIsAnError) {
  EXPECT_TRUE(give(h2_frame(kPriorityFrame, 0, 5, std::string("\0\0\0\x03\x10", 5))));
  give(h2_frame(kPriorityFrame, 0, 5, std::string("\0\0\0\x05\x10", 5)));
  EXPECT_TRUE(said_goaway(1));
  EXPECT_TRUE(server_.session.finished());
}

TEST_F(H2HostileTest, FramesOnStreamsThatTheClientHasEndedAreItsMistake) {
  const std::string reset = h2_frame(kRstFrame, 0, 1, std::string("\0\0\0\x08", 4));
  for (const std::string& late : {h2_frame(kDataFrame, 0, 1, "x"), h2_frame(kHeadersFrame, 5, 1, kGet)}) {
    H2Peer server(H2Role::kServer);
    const std::string bytes = std::string(kH2Preface) + h2_frame(kSettingsFrame, 0, 0, "") +
                              h2_frame(kHeadersFrame, kEndHeaders, 1, kGet) + reset + late;
    for (const char c : bytes) static_cast<void>(server.session.receive({&c, 1}, TimePoint()));
    EXPECT_NE(server.session.output().find(std::string("\0\0\0\x05", 4)), std::string::npos);
    H2Peer whole(H2Role::kServer);
    static_cast<void>(whole.session.receive(bytes, TimePoint()));
    EXPECT_EQ(whole.session.output(), server.session.output()) << "however the bytes are cut";
  }
}

TEST_F(H2HostileTest, FramesThatCrossOurResetAreDropped) {
  server_.events.refuses = true;
  EXPECT_TRUE(request(kGet, false));
  EXPECT_TRUE(was_reset(7));
  EXPECT_TRUE(
      give(h2_frame(kDataFrame, 0, next_, "late") + h2_frame(kHeadersFrame, 5, next_, h2_literal("x", "1"))));
  server_.events.refuses = false;
  EXPECT_TRUE(request(kGet));
}

TEST_F(H2HostileTest, StreamNumbersOnlyGrow) {
  next_ = 7;
  EXPECT_TRUE(request(kGet));
  next_ = 1;
  request(kGet);
  EXPECT_TRUE(said_goaway(1));
}

TEST_F(H2HostileTest, EndlessContinuationsEndTheConnection) {
  EXPECT_TRUE(give(h2_frame(kHeadersFrame, 0, 1, kGet)));
  bool goes_on = true;
  int most = 0;
  for (; goes_on && most < 100; ++most)
    goes_on = give(h2_frame(kContinuationFrame, 0, 1, h2_literal("x", "1")));
  EXPECT_LE(most, 9);
  EXPECT_TRUE(said_goaway(11));
}

TEST_F(H2HostileTest, AContinuationMayComeByteByByte) {
  const std::string bytes = h2_frame(kHeadersFrame, kEndStream, 1, kGet.substr(0, 20)) +
                            h2_frame(kContinuationFrame, kEndHeaders, 1, kGet.substr(20));
  for (const char c : bytes) ASSERT_TRUE(give({&c, 1}));
  EXPECT_EQ(server_.events.take_log(), "request 1 GET shop/ ends\n");
}

TEST_F(H2HostileTest, APingFloodThatReadsNothingKeepsLittle) {
  const std::string flood = h2_frame(kPingFrame, 0, 0, "12345678");
  bool goes_on = true;
  int most = 0;
  for (; goes_on && most < 10'000; ++most) goes_on = server_.session.receive(flood, now_);
  EXPECT_FALSE(goes_on);
  EXPECT_LE(most, 1'010);
}

TEST_F(H2HostileTest, WhatIsNoHttp2IsToldSoAndEnded) {
  H2Peer server(H2Role::kServer);
  EXPECT_FALSE(server.session.receive("GET / HTTP/1.1\r\nHost: shop\r\n\r\n", TimePoint()));
  EXPECT_FALSE(server.session.output().empty());
}

}  // namespace
}  // namespace sidestep::http
