#include "lib/http/event_stream.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace sidestep::http {
namespace {

bool is_one(std::string_view type) {
  const std::vector<Header> headers{{"content-type", type}};
  return is_event_stream(headers);
}

TEST(EventStreamTest, IsKnownByItsType) {
  EXPECT_TRUE(is_one("text/event-stream"));
  EXPECT_TRUE(is_one("Text/Event-Stream; charset=utf-8"));
  EXPECT_FALSE(is_one("text/event-streams"));
  EXPECT_FALSE(is_one("text/event"));
  EXPECT_FALSE(is_event_stream({}));
}

TEST(EventStreamTest, CompressedBytesAreNotThoseOfTheEvents) {
  const std::vector<Header> gzip{{"content-encoding", "gzip"}};
  const std::vector<Header> identity{{"content-encoding", "Identity"}};
  EXPECT_FALSE(is_identity_coded(gzip));
  EXPECT_TRUE(is_identity_coded(identity));
  EXPECT_TRUE(is_identity_coded({}));
}

TEST(EventTrackerTest, AnEventEndsWithAnEmptyLine) {
  EventTracker events;
  EXPECT_TRUE(events.at_boundary());
  EXPECT_EQ(events.feed("id: 1\ndata: a\n\nid: 2\n"), 15U);
  EXPECT_FALSE(events.at_boundary());
  EXPECT_EQ(events.feed("\n"), 1U);
  EXPECT_TRUE(events.at_boundary());
}

// Every way to end a line, cut at every offset: the boundaries are the same.
TEST(EventTrackerTest, LinesEndWithCrLfOrBothWhereverTheyAreCut) {
  for (const std::string end : {"\n", "\r", "\r\n"}) {
    const std::string event = "data: a" + end + "data: b" + end + end;
    const std::string text = event + event + "data: c" + end;
    for (std::size_t cut = 0; cut <= text.size(); ++cut) {
      EventTracker events;
      const std::size_t first = events.feed(text.substr(0, cut));
      const bool whole = events.at_boundary();
      const std::size_t second = events.feed(text.substr(cut));
      EXPECT_EQ(second > 0 ? cut + second : first, event.size() * 2) << cut;
      const bool is_between = cut == 0 || cut == event.size() || cut == event.size() * 2;
      const bool is_in_last_line_end =
          end == "\r\n" && (cut + 1 == event.size() || cut + 1 == event.size() * 2);
      EXPECT_EQ(whole, is_between || is_in_last_line_end) << cut;
      EXPECT_FALSE(events.at_boundary());
    }
  }
}

TEST(EventTrackerTest, WhatIsPutInAtTheEndIsAnEventOfItsOwn) {
  EventTracker events;
  EXPECT_EQ(events.feed(kEventStreamEnd), kEventStreamEnd.size());
  EXPECT_EQ(kEventStreamEnd.front(), ':');
}

}  // namespace
}  // namespace sidestep::http
