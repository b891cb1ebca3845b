// Boundaries of WebSocket frames, for every way in which the bytes may be cut.
#include "lib/http/ws_frames.h"

#include <gtest/gtest.h>

namespace sidestep::http {
namespace {

std::string frame(unsigned first, std::string_view payload, bool masked = false) {
  std::string out(1, static_cast<char>(first));
  const auto mask = static_cast<char>(masked ? 0x80 : 0);
  if (payload.size() < 126) {
    out += static_cast<char>(mask | static_cast<char>(payload.size()));
  } else if (payload.size() < 65536) {
    out += static_cast<char>(mask | 126);
    out += static_cast<char>(payload.size() >> 8);
    out += static_cast<char>(payload.size() & 0xff);
  } else {
    out += static_cast<char>(mask | 127);
    for (int shift = 56; shift >= 0; shift -= 8) out += static_cast<char>(payload.size() >> shift & 0xff);
  }
  if (masked) out += "\x01\x02\x03\x04";
  return out.append(payload);
}

TEST(WsFrameTracker, BoundariesAreFoundWhereverTheBytesAreCut) {
  for (const bool masked : {false, true}) {
    const std::string first = frame(0x82, std::string(300, 'x'), masked);
    const std::string both = first + frame(0x81, "", masked);
    for (std::size_t cut = 0; cut <= both.size(); ++cut) {
      WsFrameTracker tracker;
      tracker.feed(std::string_view(both).substr(0, cut));
      EXPECT_EQ(tracker.at_boundary(), cut == 0 || cut == first.size() || cut == both.size()) << cut;
      tracker.feed(std::string_view(both).substr(cut));
      EXPECT_TRUE(tracker.at_boundary()) << cut;
    }
  }
}

TEST(WsFrameTracker, FeedTellsHowManyBytesLieBeforeTheLastBoundary) {
  const std::string one = frame(0x81, "hello");
  WsFrameTracker tracker;
  EXPECT_EQ(tracker.feed(one + one + one.substr(0, 3)), 2 * one.size());
  EXPECT_EQ(tracker.feed(one.substr(3, 2)), 0U);
  EXPECT_EQ(tracker.feed(one.substr(5)), one.size() - 5);
}

TEST(WsFrameTracker, LongFramesOfSixtyFourBits) {
  const std::string big = frame(0x82, std::string(70000, 'x'));
  WsFrameTracker tracker;
  EXPECT_EQ(tracker.feed(std::string_view(big).substr(0, 69999)), 0U);
  EXPECT_FALSE(tracker.at_boundary());
  tracker.feed(std::string_view(big).substr(69999));
  EXPECT_TRUE(tracker.at_boundary());
}

TEST(WsFrameTracker, CloseIsSeenOnceItIsWhole) {
  const std::string close = frame(0x88,
                                  "\x03\xe9"
                                  "bye",
                                  true);
  WsFrameTracker tracker;
  tracker.feed(std::string_view(close).substr(0, close.size() - 1));
  EXPECT_FALSE(tracker.close_seen());
  tracker.feed(std::string_view(close).substr(close.size() - 1));
  EXPECT_TRUE(tracker.close_seen());
}

TEST(WsFrameTracker, EmptyCloseIsSeenAndNotForgotten) {
  WsFrameTracker tracker;
  tracker.feed(frame(0x88, ""));
  EXPECT_TRUE(tracker.close_seen());
  tracker.feed(frame(0x81, "a peer that goes on all the same"));
  EXPECT_TRUE(tracker.close_seen());
}

TEST(WsFrameTracker, AnImpossibleLengthMakesBoundariesUnknown) {
  WsFrameTracker tracker;
  tracker.feed(std::string("\x82\x7f\x80\0\0\0\0\0\0\0", 10));
  EXPECT_TRUE(tracker.is_broken());
  EXPECT_FALSE(tracker.at_boundary());
  EXPECT_EQ(tracker.feed(frame(0x81, "")), 0U);
}

TEST(WsCloseFrame, ServerFrameIsUnmasked) {
  std::string out;
  append_close_frame(out, kWsServiceRestart, "reload");
  EXPECT_EQ(out, "\x88\x08\x03\xf4reload");
}

TEST(WsCloseFrame, LongReasonIsCutBetweenCharacters) {
  std::string out;
  append_close_frame(out, kWsGoingAway, std::string(122, 'x') + "\xc3\xa4");
  EXPECT_EQ(out.size(), 2U + 2U + 122U);
  out.clear();
  append_close_frame(out, kWsGoingAway, std::string(121, 'x') + "\xc3\xa4");
  EXPECT_EQ(out.size(), 2U + 2U + 123U);
}

TEST(WsCloseFrame, ClientFrameIsMaskedWithTheGivenKey) {
  std::string out;
  append_masked_close_frame(out, 1000, "", 0x01020304);
  EXPECT_EQ(out, std::string("\x88\x82\x01\x02\x03\x04\x02\xea", 8));
}

TEST(WsCloseFrame, TheTrackerReadsItBack) {
  std::string out;
  append_masked_close_frame(out, kWsGoingAway, "bye", 0xdeadbeef);
  WsFrameTracker tracker;
  EXPECT_EQ(tracker.feed(out), out.size());
  EXPECT_TRUE(tracker.close_seen());
}

}  // namespace
}  // namespace sidestep::http
