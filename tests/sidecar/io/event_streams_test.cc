// Server-sent events through the plane: they follow the drain policy of WebSockets, and are ended between two
// events.
#include "tests/support/plane_fixture.h"

namespace sidestep::test {
namespace {

const std::string kEvent = "data: hi\n\n";
const std::string kEventChunk = "a\r\n" + kEvent + "\r\n";
const std::string kToldChunk = "1d\r\n: the app is being replaced\n\n\r\n0\r\n\r\n";

class EventStreamsTest : public PlaneTest {
 protected:
  // Begins an answer with these lines in its head and this much of its body; `then` follows once go_on_ is
  // set.
  RawApp::Handler stream(std::string lines, std::string first, std::string then = "") {
    return [this, lines, first, then](RawConn& conn) {
      conn.read_until("\r\n\r\n");
      conn.send("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n" + lines + "\r\n" + first);
      while (!then.empty() && !go_on_.load()) std::this_thread::yield();
      conn.send(then);
      conn.at_end();
    };
  }
  RawConn open() {
    RawConn conn = client();
    conn.send("GET /events HTTP/1.1\r\nHost: a\r\n\r\n");
    return conn;
  }
  const std::string chunked_ = "Transfer-Encoding: chunked\r\n";
  std::atomic<bool> go_on_{false};
  RawApp next_{RawApp::answering("next")};
};

TEST_F(EventStreamsTest, AStreamIsKeptBeyondTheTimeOfRequests) {
  RawApp app(stream(chunked_, kEventChunk, kEventChunk));
  start(active(1, app));
  RawConn conn = open();
  conn.read_until(kEventChunk);
  publish(replaced(next_, 0, Millis(0), Millis(60'000)));
  EXPECT_TRUE(has(get(), "next"));
  int rounds = 0;
  EXPECT_TRUE(wait([&] { return ++rounds > 20; }));
  go_on_ = true;
  EXPECT_TRUE(has(conn.read_until(kEventChunk), kEvent));
  EXPECT_TRUE(idle_.empty());
  EXPECT_EQ(of(1).tunnels_open, 1U);
  EXPECT_EQ(of(1).tunnels_cut, 0U);
}

TEST_F(EventStreamsTest, AStreamThatIsClosedByPolicyEndsWithACommentAndWhole) {
  RawApp app(stream(chunked_, kEventChunk));
  start(active(1, app));
  RawConn conn = open();
  conn.read_until(kEventChunk);
  publish(replaced(next_, 1012, Millis(60'000), Millis(60'000)));
  EXPECT_EQ(conn.read_until("0\r\n\r\n"), kToldChunk);
  EXPECT_TRUE(wait_idle(1));
  EXPECT_EQ(of(1).tunnels_told, 1U);
  EXPECT_EQ(of(1).errors(), 0U);
  // The connection is good for another request, which the next generation answers.
  conn.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_TRUE(has(conn.read_message(), "next"));
}

TEST_F(EventStreamsTest, AnEventUnderWayIsPassedWholeFirst) {
  RawApp app(stream(chunked_, "6\r\ndata: \r\n", "8\r\nhi\n\ndata\r\n"));
  start(active(1, app));
  RawConn conn = open();
  conn.read_until("data: \r\n");
  publish(replaced(next_, 1012, Millis(60'000), Millis(60'000)));
  EXPECT_TRUE(has(get(), "next"));
  go_on_ = true;
  const std::string end = conn.read_until("0\r\n\r\n");
  EXPECT_TRUE(has(end, "hi\n\n")) << end;
  EXPECT_TRUE(has(end, kToldChunk)) << end;
  EXPECT_FALSE(has(end, "data\r\n")) << end;
  EXPECT_EQ(of(1).tunnels_told, 1U);
}

TEST_F(EventStreamsTest, ACompressedStreamIsCutWhenItsTimeIsOverAndDoesNotLookWhole) {
  RawApp app(stream(chunked_ + "Content-Encoding: gzip\r\n", kEventChunk));
  start(active(1, app));
  RawConn conn = open();
  conn.read_until(kEventChunk);
  publish(replaced(next_, 1012, Millis(0), Millis(200)));
  EXPECT_EQ(conn.read_all(), "");
  EXPECT_TRUE(wait_idle(1));
  EXPECT_EQ(of(1).tunnels_cut, 1U);
  EXPECT_EQ(of(1).tunnels_told, 0U);
}

TEST_F(EventStreamsTest, AStreamUntilTheConnectionsEndIsToldToo) {
  RawApp app(stream("Connection: close\r\n", kEvent));
  start(active(1, app));
  RawConn conn = open();
  conn.read_until(kEvent);
  publish(replaced(next_, 1012, Millis(60'000), Millis(60'000)));
  EXPECT_TRUE(has(conn.read_until("replaced\n\n"), ": the app is being replaced\n\n"));
  EXPECT_TRUE(wait_idle(1));
  EXPECT_EQ(of(1).tunnels_told, 1U);
}

TEST_F(EventStreamsTest, OneOfAKnownLengthIsARequestLikeAnyOther) {
  RawApp app(stream("Content-Length: 20\r\n", kEvent, kEvent));
  start(active(1, app));
  RawConn conn = open();
  conn.read_until(kEvent);
  publish(replaced(next_, 1012, Millis(60'000), Millis(60'000)));
  EXPECT_TRUE(has(get(), "next"));
  go_on_ = true;
  EXPECT_EQ(conn.read_bytes(kEvent.size()), kEvent);
  EXPECT_TRUE(wait_idle(1));
  EXPECT_EQ(of(1).tunnels_cut, 0U);
}

}  // namespace
}  // namespace sidestep::test
