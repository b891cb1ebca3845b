// Requests and answers through a real plane on loopback.
#include "tests/support/plane_fixture.h"

namespace sidestep::test {
namespace {

using sidecar::Outcome;

TEST_F(PlaneTest, ARequestAndItsAnswerPassWithForwardedFieldsSetAnew) {
  std::string seen;
  RawApp app([&](RawConn& conn) {
    seen = conn.read_message();
    conn.send("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-App: 1\r\n\r\nhello");
    conn.at_end();
  });
  start(active(1, app));
  RawConn conn = client();
  conn.send("GET /x HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 6.6.6.6\r\n\r\n");
  const std::string answer = conn.read_message();
  EXPECT_TRUE(has(answer, "HTTP/1.1 200 OK\r\n")) << answer;
  EXPECT_TRUE(has(answer, "X-App: 1\r\n"));
  EXPECT_TRUE(has(answer, "\r\n\r\nhello"));
  EXPECT_TRUE(has(seen, "GET /x HTTP/1.1\r\n")) << seen;
  EXPECT_TRUE(has(seen, "127.0.0.1"));
  EXPECT_FALSE(has(seen, "6.6.6.6"));
}

TEST_F(PlaneTest, KeptConnectionsShareOneConnectionToTheApp) {
  RawApp app(RawApp::answering("ok"));
  start(active(1, app));
  RawConn conn = client();
  for (int i = 0; i < 50; ++i) {
    conn.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    ASSERT_TRUE(has(conn.read_message(), "ok")) << i;
  }
  for (int i = 0; i < 10; ++i) EXPECT_TRUE(has(get(), "ok"));
  EXPECT_EQ(app.connections(), 1);
  EXPECT_EQ(of(1).requests, 60U);
  EXPECT_EQ(of(1).by_outcome[static_cast<std::size_t>(Outcome::kServed)], 60U);
}

TEST_F(PlaneTest, PipelinedRequestsAreAnsweredInOrder) {
  RawApp app([](RawConn& conn) {
    for (;;) {
      const std::string request = conn.read_message();
      if (!has(request, "\r\n\r\n")) return;
      const std::string path = request.substr(4, 2);
      conn.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n" + path);
    }
  });
  start(active(1, app));
  RawConn conn = client();
  std::string requests;
  for (char c = 'a'; c <= 'z'; ++c) requests += std::string("GET /") + c + " HTTP/1.1\r\nHost: a\r\n\r\n";
  conn.send(requests);
  for (char c = 'a'; c <= 'z'; ++c) EXPECT_TRUE(has(conn.read_message(), std::string("\r\n\r\n/") + c));
}

TEST_F(PlaneTest, ChunkedBodiesAndTrailersPassBothWays) {
  std::string body;
  RawApp app([&](RawConn& conn) {
    conn.read_until("\r\n\r\n");
    body = conn.read_until("0\r\n\r\n");
    conn.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX-Sum: 9\r\n\r\n");
    conn.at_end();
  });
  start(active(1, app));
  RawConn conn = client();
  conn.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n4;x=y\r\nwxyz\r\n");
  conn.send("0\r\n\r\n");
  const std::string answer = conn.read_until("X-Sum: 9\r\n\r\n");
  EXPECT_TRUE(has(answer, "3\r\nabc\r\n0\r\nX-Sum: 9\r\n\r\n")) << answer;
  EXPECT_EQ(body, "4\r\nwxyz\r\n0\r\n\r\n");
}

TEST_F(PlaneTest, LargeBodiesArriveWhole) {
  const std::string large(5'000'000, 'x');
  RawApp app([&](RawConn& conn) {
    const std::string request = conn.read_message();
    conn.send("HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(request.size()) + "\r\n\r\n" + request);
    conn.at_end();
  });
  start(active(1, app));
  RawConn conn = client();
  std::thread sender([&] {
    conn.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: " + std::to_string(large.size()) + "\r\n\r\n" +
              large);
  });
  const std::string answer = conn.read_message();
  sender.join();
  EXPECT_GT(answer.size(), large.size());
  EXPECT_EQ(answer.substr(answer.size() - large.size()), large);
}

TEST_F(PlaneTest, AnAnswerThatEndsWithTheConnectionIsChunkedForTheClient) {
  RawApp app([](RawConn& conn) {
    conn.read_message();
    conn.send("HTTP/1.1 200 OK\r\n\r\nuntil the end");
  });
  start(active(1, app));
  RawConn conn = client();
  conn.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_TRUE(has(conn.read_until("0\r\n\r\n"), "d\r\nuntil the end\r\n0\r\n\r\n"));
}

TEST_F(PlaneTest, ACutAnswerDoesNotLookWhole) {
  RawApp app([](RawConn& conn) {
    conn.read_message();
    conn.send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf");
    conn.reset();
  });
  start(active(1, app));
  RawConn conn = client();
  conn.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  const std::string answer = conn.read_all();
  EXPECT_FALSE(has(answer, std::string(96, ' ')));
  EXPECT_LT(answer.size(), 150U);
  ASSERT_TRUE(wait([&] { return of(1).by_outcome[static_cast<std::size_t>(Outcome::kAppReset)] == 1; }));
}

TEST_F(PlaneTest, AGetThatMeetsAClosingConnectionIsSentAgain) {
  std::atomic<int> served{0};
  RawApp app([&](RawConn& conn) {
    conn.read_message();
    if (served++ == 0) return;  // reads the request and leaves
    conn.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    conn.at_end();
  });
  start(active(1, app));
  EXPECT_TRUE(has(get(), "\r\n\r\nok"));
  EXPECT_EQ(served, 2);
  EXPECT_EQ(plane_->counters().retried, 1U);
}

TEST_F(PlaneTest, APostThatMayHaveBeenExecutedIsNotSentAgain) {
  std::atomic<int> served{0};
  RawApp app([&](RawConn& conn) {
    conn.read_message();
    ++served;
  });
  start(active(1, app));
  RawConn conn = client();
  conn.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi");
  EXPECT_TRUE(has(conn.read_message(), "HTTP/1.1 502 "));
  EXPECT_EQ(served, 1);
  EXPECT_EQ(of(1).by_outcome[static_cast<std::size_t>(Outcome::kAmbiguous)], 1U);
}

TEST_F(PlaneTest, RequestsWaitWhileNoGenerationCanTakeThem) {
  RawApp app(RawApp::answering("late"));
  start({});
  RawConn conn = client();
  conn.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi");
  ASSERT_TRUE(wait([&] { return plane_->counters().held_now == 1; }));
  publish(active(1, app));
  EXPECT_TRUE(has(conn.read_message(), "\r\n\r\nlate"));
  const auto counters = plane_->counters();
  EXPECT_EQ(counters.held_now, 0U);
  EXPECT_EQ(counters.held_total, 1U);
}

TEST_F(PlaneTest, AHeldUploadIsNotReadBeyondItsBeginningAndArrivesWholeLater) {
  const std::string large(3'000'000, 'u');
  std::atomic<std::size_t> got{0};
  RawApp app([&](RawConn& conn) {
    got = conn.read_message().size();
    conn.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    conn.at_end();
  });
  start({});
  RawConn conn = client();
  std::thread sender([&] {
    conn.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: " + std::to_string(large.size()) + "\r\n\r\n" +
              large);
  });
  ASSERT_TRUE(wait([&] { return plane_->counters().held_bytes_now > 0; }));
  int rounds = 0;
  ASSERT_TRUE(wait([&] { return ++rounds > 25; }));  // while the kernel's queue fills
  EXPECT_LT(plane_->counters().held_bytes_now, 1'000'000U);
  publish(active(1, app));
  EXPECT_TRUE(has(conn.read_message(), "ok"));
  sender.join();
  EXPECT_GT(got, large.size());
}

TEST_F(PlaneTest, BeyondTheBoundOfConnectionsToTheAppRequestsWaitTheirTurn) {
  options_.limits.app_max_connections = 1;
  std::atomic<bool> go{false};
  RawApp app([&](RawConn& conn) {
    for (;;) {
      if (!has(conn.read_message(), "\r\n\r\n")) return;
      while (!go) std::this_thread::yield();
      conn.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    }
  });
  start(active(1, app));
  RawConn first = client();
  RawConn second = client();
  first.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  second.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  ASSERT_TRUE(wait([&] { return plane_->counters().held_now == 1; }));
  go = true;
  EXPECT_TRUE(has(first.read_message(), "ok"));
  EXPECT_TRUE(has(second.read_message(), "ok"));
  EXPECT_EQ(app.connections(), 1);
}

TEST_F(PlaneTest, AFullHoldAnswers503WithRetryAfter) {
  options_.policy.hold.max_requests = 1;
  start({});
  RawConn first = client();
  first.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  ASSERT_TRUE(wait([&] { return plane_->counters().held_now == 1; }));
  const std::string answer = get();
  EXPECT_TRUE(has(answer, "HTTP/1.1 503 ")) << answer;
  EXPECT_TRUE(has(answer, "Retry-After: 1\r\n"));
}

TEST_F(PlaneTest, AHeldRequestThatWaitedTooLongIsAnswered503) {
  options_.policy.hold.timeout = Seconds(1);
  start({});
  EXPECT_TRUE(has(get(), "HTTP/1.1 503 "));
  EXPECT_EQ(plane_->counters().without_generation[static_cast<std::size_t>(Outcome::kHoldTimeout)], 1U);
}

TEST_F(PlaneTest, ARefusedConnectIsHeldUntilTheAppAnswers) {
  auto gone = std::make_unique<RawApp>(RawApp::answering("x"));
  sidecar::RouteTable table = active(1, *gone);
  gone.reset();
  RawApp app(RawApp::answering("back"));
  start(table);
  RawConn conn = client();
  conn.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  ASSERT_TRUE(wait([&] { return plane_->counters().held_now == 1; }));
  publish(active(2, app));
  EXPECT_TRUE(has(conn.read_message(), "back"));
}

TEST_F(PlaneTest, ACandidateThatRefusesConnectionsCostsNoRequest) {
  RawApp app(RawApp::answering("active"));
  auto gone = std::make_unique<RawApp>(RawApp::answering("x"));
  sidecar::RouteTable table = active(1, app);
  table.candidate = entry(2, *gone);
  table.candidate_weight = 10'000;
  gone.reset();
  start(table);
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(has(get(), "active"));
  EXPECT_EQ(of(2).connect_failures, 5U);
}

TEST_F(PlaneTest, NoRequestReachesTheOldGenerationAfterTheSwitchAndItBecomesIdle) {
  RawApp old_app(RawApp::answering("old"));
  RawApp new_app(RawApp::answering("new"));
  start(active(1, old_app));
  RawConn kept = client();
  kept.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_TRUE(has(kept.read_message(), "old"));
  publish(active(2, new_app));
  ASSERT_TRUE(wait_idle(1));
  kept.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_TRUE(has(kept.read_message(), "new"));
}

TEST_F(PlaneTest, AGenerationWithARequestUnderWayIsNotIdle) {
  std::atomic<bool> got{false};
  std::atomic<bool> go{false};
  RawApp old_app([&](RawConn& conn) {
    conn.read_message();
    got = true;
    while (!go) std::this_thread::yield();
    conn.send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nslow");
    conn.at_end();
  });
  RawApp new_app(RawApp::answering("new"));
  start(active(1, old_app));
  RawConn slow = client();
  slow.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  ASSERT_TRUE(wait([&] { return got.load(); }));
  publish(active(2, new_app));
  EXPECT_TRUE(has(get(), "new"));
  EXPECT_EQ(idle_.size(), 0U);
  go = true;
  EXPECT_TRUE(has(slow.read_message(), "slow"));
  EXPECT_TRUE(wait_idle(1));
}

TEST_F(PlaneTest, AWebSocketPassesAndIsToldWhenItsGenerationIsClosed) {
  RawApp app([](RawConn& conn) {
    conn.read_until("\r\n\r\n");
    conn.send("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n");
    conn.send(std::string("\x81\x02hi", 4));
    conn.at_end();
  });
  RawApp new_app(RawApp::answering("new"));
  start(active(1, app));
  RawConn conn = client();
  conn.send(
      "GET /ws HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
      "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n");
  EXPECT_TRUE(has(conn.read_until("\r\n\r\n"), "HTTP/1.1 101 "));
  EXPECT_EQ(conn.read_bytes(4), std::string("\x81\x02hi", 4));
  sidecar::RouteTable table = active(2, new_app);
  table.closing.push_back({sidecar::Generation{1}, 1012, {}, {}});
  publish(table);
  const std::string frame = conn.read_bytes(4);
  EXPECT_EQ(frame.substr(0, 1), "\x88");
  EXPECT_EQ(frame.substr(2, 2), std::string("\x03\xf4", 2));  // 1012
  EXPECT_TRUE(wait_idle(1));
  EXPECT_EQ(of(1).tunnels_told, 1U);
}

TEST_F(PlaneTest, ARequestThatCouldBeReadInTwoWaysIsRefused) {
  RawApp app(RawApp::answering("ok"));
  start(active(1, app));
  RawConn conn = client();
  conn.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n");
  EXPECT_TRUE(has(conn.read_message(), "HTTP/1.1 400 "));
  EXPECT_TRUE(conn.at_end());
  EXPECT_EQ(app.connections(), 0);
}

TEST_F(PlaneTest, AHalfCloseIsNotACancel) {
  RawApp app(RawApp::answering("answered"));
  start(active(1, app));
  RawConn conn = client();
  conn.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  conn.half_close();
  EXPECT_TRUE(has(conn.read_all(), "answered"));
}

TEST_F(PlaneTest, ACutRequestDoesNotLookWholeToTheApp) {
  std::atomic<bool> begun{false};
  std::atomic<bool> ended{false};
  std::string rest;
  RawApp app([&](RawConn& conn) {
    conn.read_until("\r\n\r\nhalf");
    begun = true;
    rest = conn.read_all();
    ended = true;
  });
  start(active(1, app));
  {
    RawConn conn = client();
    conn.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhalf");
    ASSERT_TRUE(wait([&] { return begun.load(); }));
  }
  ASSERT_TRUE(wait([&] { return ended.load(); }));
  EXPECT_EQ(rest, "");
}

TEST_F(PlaneTest, TheShareOfTheCandidateIsExactWithinOnePerTenThousand) {
  RawApp app(RawApp::answering("a"));
  RawApp candidate(RawApp::answering("c"));
  sidecar::RouteTable table = active(1, app);
  table.candidate = entry(2, candidate);
  table.candidate_weight = 500;
  table.weight_seed = 7;
  start(table);
  RawConn conn = client();
  for (int i = 0; i < 2000; ++i) {
    conn.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    conn.read_message();
  }
  EXPECT_NEAR(static_cast<double>(of(2).requests), 100.0, 1.0);
}

TEST_F(PlaneTest, TwoShardsServeTheSameListener) {
  options_.shards = 2;
  RawApp app(RawApp::answering("ok"));
  RawApp next(RawApp::answering("next"));
  start(active(1, app));
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(has(get(), "ok"));
  EXPECT_EQ(of(1).requests, 100U);
  publish(active(2, next));
  EXPECT_TRUE(wait_idle(1));
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(has(get(), "next"));
}

}  // namespace
}  // namespace sidestep::test
