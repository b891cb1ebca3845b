// The corners of HTTP/1 through a real plane: expectations, early answers, bodies that may not be, old
// clients.
#include "tests/support/plane_fixture.h"

namespace sidestep::test {
namespace {

TEST_F(PlaneTest, AnExpectationIsTheAppsToAnswer) {
  RawApp app([](RawConn& conn) {
    conn.read_until("\r\n\r\n");
    conn.send("HTTP/1.1 100 Continue\r\n\r\n");
    const std::string body = conn.read_bytes(4);
    conn.send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n" + body);
    conn.at_end();
  });
  start(active(1, app));
  RawConn conn = client();
  conn.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n");
  EXPECT_TRUE(has(conn.read_until("\r\n\r\n"), "HTTP/1.1 100 "));
  conn.send("body");
  EXPECT_TRUE(has(conn.read_message(), "\r\n\r\nbody"));
}

TEST_F(PlaneTest, ARefusedExpectationEndsTheConnectionSinceTheBodyIsUnclear) {
  RawApp app([](RawConn& conn) {
    conn.read_until("\r\n\r\n");
    conn.send("HTTP/1.1 417 Expectation Failed\r\nContent-Length: 2\r\n\r\nno");
    conn.at_end();
  });
  start(active(1, app));
  RawConn conn = client();
  conn.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n");
  const std::string answer = conn.read_message();
  EXPECT_TRUE(has(answer, "HTTP/1.1 417 "));
  EXPECT_TRUE(has(answer, "Connection: close\r\n")) << answer;
  EXPECT_TRUE(conn.at_end());
}

TEST_F(PlaneTest, AnEarlyAnswerArrivesWholeThoughTheBodyIsStillComing) {
  const std::string page(400'000, 'e');
  RawApp app([&](RawConn& conn) {
    conn.read_until("\r\n\r\n");
    conn.send("HTTP/1.1 413 Content Too Large\r\nConnection: close\r\nContent-Length: 400000\r\n\r\n" + page);
    conn.half_close();
    conn.read_all();
  });
  start(active(1, app));
  RawConn conn = client();
  std::thread sender([&] {
    conn.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3000000\r\n\r\n" + std::string(3'000'000, 'b'));
  });
  const std::string answer = conn.read_message();
  sender.join();
  EXPECT_TRUE(has(answer, "HTTP/1.1 413 "));
  EXPECT_EQ(answer.size() - answer.find("\r\n\r\n") - 4, page.size());
}

TEST_F(PlaneTest, AnswersToHeadAnd204And304HaveNoBody) {
  RawApp app([](RawConn& conn) {
    for (;;) {
      const std::string request = conn.read_message();
      if (!has(request, "\r\n\r\n")) return;
      if (has(request, "HEAD "))
        conn.send("HTTP/1.1 200 OK\r\nContent-Length: 77\r\n\r\n");
      else if (has(request, "/304"))
        conn.send("HTTP/1.1 304 Not Modified\r\nContent-Length: 77\r\n\r\n");
      else if (has(request, "/204"))
        conn.send("HTTP/1.1 204 No Content\r\n\r\n");
      else
        conn.send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nlast");
    }
  });
  start(active(1, app));
  RawConn conn = client();
  conn.send("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_TRUE(has(conn.read_until("\r\n\r\n"), "Content-Length: 77\r\n"));
  conn.send("GET /304 HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_TRUE(has(conn.read_until("\r\n\r\n"), "304 "));
  conn.send("GET /204 HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_TRUE(has(conn.read_until("\r\n\r\n"), "204 "));
  conn.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_TRUE(has(conn.read_message(), "\r\n\r\nlast"));
  EXPECT_EQ(app.connections(), 1);
}

TEST_F(PlaneTest, AClientOfHttp10GetsNoChunksAndTheEndOfTheConnection) {
  RawApp app([](RawConn& conn) {
    conn.read_message();
    conn.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n");
    conn.at_end();
  });
  start(active(1, app));
  RawConn conn = client();
  conn.send("GET / HTTP/1.0\r\n\r\n");
  const std::string answer = conn.read_all();
  EXPECT_FALSE(has(answer, "chunked")) << answer;
  EXPECT_TRUE(has(answer, "\r\n\r\nabc"));
  EXPECT_EQ(answer.substr(answer.size() - 3), "abc");
}

TEST_F(PlaneTest, BytesThatNobodyAskedForReachNoClient) {
  std::atomic<int> served{0};
  RawApp app([&](RawConn& conn) {
    conn.read_message();
    ++served;
    conn.send(
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n1HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil");
    conn.at_end();
  });
  start(active(1, app));
  RawConn conn = client();
  conn.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_TRUE(has(conn.read_message(), "\r\n\r\n1"));
  conn.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_FALSE(has(conn.read_message(), "evil"));
  EXPECT_EQ(served, 2);
}

TEST_F(PlaneTest, AnAppThatBreaksHttpIsAnswered502) {
  RawApp app([](RawConn& conn) {
    conn.read_message();
    conn.send("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab");
    conn.at_end();
  });
  start(active(1, app));
  EXPECT_TRUE(has(get(), "HTTP/1.1 502 "));
  EXPECT_EQ(of(1).by_outcome[static_cast<std::size_t>(sidecar::Outcome::kBadResponse)], 1U);
}

TEST_F(PlaneTest, TheEndIsAnnouncedOnAnAnswerBeforeTheConnectionCloses) {
  RawApp app(RawApp::answering("ok"));
  start(active(1, app));
  RawConn conn = client();
  conn.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_FALSE(has(conn.read_message(), "Connection: close"));
  sidecar::RouteTable ending = active(1, app);
  ending.announce_close = true;
  publish(ending);
  ASSERT_TRUE(wait([&] { return has(get(), "Connection: close\r\n"); }));
  conn.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_TRUE(has(conn.read_message(), "Connection: close\r\n"));
  EXPECT_TRUE(conn.at_end());
}

TEST_F(PlaneTest, ASlowReaderDoesNotFillTheProxysMemory) {
  std::atomic<std::size_t> written{0};
  std::atomic<bool> ended{false};
  RawApp app([&](RawConn& conn) {
    conn.read_message();
    const std::string block(1'000'000, 'x');
    conn.send("HTTP/1.1 200 OK\r\nContent-Length: 200000000\r\n\r\n");
    for (int i = 0; i < 200 && !ended; ++i) {
      conn.send(block);
      written += block.size();
    }
  });
  start(active(1, app));
  RawConn conn = client();
  conn.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  conn.read_bytes(100);
  int rounds = 0;
  ASSERT_TRUE(wait([&] { return ++rounds > 60; }));  // nobody reads meanwhile
  EXPECT_LT(written, 60'000'000U);                   // kernel buffers of four sockets, and ours
  ended = true;
  conn.close();
  ASSERT_TRUE(wait([&] { return of(1).in_flight == 0; }));
}

TEST_F(PlaneTest, ARequestHeadThatNeverEndsIsAnswered408) {
  options_.limits.header_timeout = Millis(200);
  RawApp app(RawApp::answering("ok"));
  start(active(1, app));
  RawConn conn = client();
  conn.send("GET / HTTP/1.1\r\nHost: a\r\nX-Slow: ");
  EXPECT_TRUE(has(conn.read_all(), "HTTP/1.1 408 "));
}

TEST_F(PlaneTest, AnAppThatDoesNotAnswerInTimeIsAnswered504) {
  options_.limits.app_answer_timeout = Millis(200);
  RawApp app([](RawConn& conn) {
    conn.read_message();
    conn.at_end();
  });
  start(active(1, app));
  EXPECT_TRUE(has(get(), "HTTP/1.1 504 "));
}

TEST_F(PlaneTest, ATunnelPassesBytesBothWaysAndHalfCloses) {
  RawApp app([](RawConn& conn) {
    conn.read_until("\r\n\r\n");
    conn.send("HTTP/1.1 101 Switching Protocols\r\nUpgrade: raw\r\nConnection: Upgrade\r\n\r\nhello");
    const std::string rest = conn.read_all();
    conn.send("got " + rest);
  });
  start(active(1, app));
  RawConn conn = client();
  conn.send("GET / HTTP/1.1\r\nHost: a\r\nUpgrade: raw\r\nConnection: Upgrade\r\n\r\nearly");
  EXPECT_TRUE(has(conn.read_until("hello"), "101 "));
  conn.send(" late");
  conn.half_close();
  EXPECT_EQ(conn.read_all(), "got early late");
}

// The pieces of an upload that was refused in the middle of a read once stayed behind, and went out in front
// of the next client's request.
TEST_F(PlaneTest, BytesOfARefusedUploadReachNoOtherConnection) {
  std::atomic<bool> upload_begun{false};
  std::atomic<bool> is_read{false};
  std::string second;
  RawApp app([&](RawConn& conn) {
    second = conn.read_until("\r\n\r\n");
    if (has(second, "POST")) {
      conn.read_until("marker");
      upload_begun = true;
      conn.read_all();
      return;
    }
    conn.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    second += conn.read_all();
    is_read = true;
  });
  options_.limits.replay_bytes = 0;
  options_.limits.app_idle_timeout = Millis(100);
  start(active(1, app));
  RawConn bad = client();
  bad.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n6\r\nmarker\r\n");
  ASSERT_TRUE(wait([&] { return upload_begun.load(); }));
  bad.send("5\r\nstray\r\nnonsense\r\n");
  EXPECT_TRUE(has(bad.read_all(), "400 "));
  EXPECT_TRUE(has(get(), "ok"));
  ASSERT_TRUE(wait([&] { return is_read.load(); }));
  EXPECT_FALSE(has(second, "stray")) << second;
}

}  // namespace
}  // namespace sidestep::test
