// HTTP/2 clients and apps that speak HTTP/1, through a real plane.
#include "tests/support/h2_client.h"
#include "tests/support/plane_fixture.h"

namespace sidestep::test {
namespace {

using http::HeaderStore;

class ClientH2Test : public PlaneTest {
 protected:
  H2Client h2(const http::H2Limits& limits = {}) { return H2Client(client(), limits); }
  // Answers one request per connection with `answer`, and keeps what it read.
  RawApp::Handler once(std::string answer) {
    return [this, answer](RawConn& conn) {
      const std::string head = conn.read_until("\r\n\r\n");
      if (head.empty()) return;
      asked_ = head;
      conn.send(answer);
      conn.at_end();
    };
  }
  std::string asked_;
};

TEST_F(ClientH2Test, ARequestBecomesHttp1AndItsAnswerHttp2) {
  RawApp app(once(
      "HTTP/1.1 200 Fine\r\nContent-Length: 5\r\nX-App: 1\r\nConnection: x-hop\r\nX-Hop: 1\r\n\r\nhello"));
  start(active(1, app));
  H2Client client = h2();
  H2Answer& answer =
      client.ask("GET", "/a?b", {{"cookie", "a=1"}, {"cookie", "b=2"}, {"x-forwarded-for", "6.6.6.6"}});
  ASSERT_TRUE(client.wait(answer));
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.fields, "x-app: 1\ncontent-length: 5\n");
  EXPECT_EQ(answer.body, "hello");
  EXPECT_EQ(
      asked_.find("GET /a?b HTTP/1.1\r\nHost: shop\r\ncookie: a=1; b=2\r\nX-Forwarded-For: 127.0.0.1\r\n"),
      0U)
      << asked_;
}

TEST_F(ClientH2Test, ManyRequestsOfOneConnectionAreServedAtOnce) {
  RawApp app(RawApp::answering("ok"));
  start(active(1, app));
  H2Client client = h2();
  std::vector<H2Answer*> answers;
  for (int i = 0; i < 100; ++i) answers.push_back(&client.ask("GET", "/"));
  for (H2Answer* answer : answers) {
    ASSERT_TRUE(client.wait(*answer));
    EXPECT_EQ(answer->body, "ok");
  }
  EXPECT_EQ(of(1).by_outcome[0], 100U);
}

TEST_F(ClientH2Test, ABodyWithoutLengthIsChunkedAndTrailersPassBothWays) {
  std::string read;
  RawApp app([&](RawConn& conn) {
    read = conn.read_until("x-sum: 4\r\n\r\n");
    conn.send(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-End\r\n\r\n2\r\nok\r\n0\r\nX-End: "
        "1\r\n\r\n");
    conn.at_end();
  });
  start(active(1, app));
  H2Client client = h2();
  H2Answer& answer = client.ask("POST", "/", {}, false);
  client.send(answer, "body");
  client.end(answer, {{"x-sum", "4"}});
  ASSERT_TRUE(client.wait(answer));
  EXPECT_TRUE(has(read, "Transfer-Encoding: chunked\r\n")) << read;
  EXPECT_TRUE(has(read, "4\r\nbody\r\n0\r\nx-sum: 4\r\n\r\n")) << read;
  EXPECT_EQ(answer.body, "ok");
  EXPECT_EQ(answer.trailers, "x-end: 1\n");
}

TEST_F(ClientH2Test, HeadAnd204And304EndWithTheirHead) {
  RawApp app([](RawConn& conn) {
    for (const char* answer :
         {"200 OK\r\nContent-Length: 7", "204 No Content", "304 Not Modified\r\nContent-Length: 7"}) {
      if (conn.read_until("\r\n\r\n").empty()) return;
      conn.send(std::string("HTTP/1.1 ") + answer + "\r\n\r\n");
    }
    conn.at_end();
  });
  start(active(1, app));
  H2Client client = h2();
  for (const auto& [method, status] :
       {std::pair("HEAD", 200), std::pair("GET", 204), std::pair("GET", 304)}) {
    H2Answer& answer = client.ask(method, "/");
    ASSERT_TRUE(client.wait(answer));
    EXPECT_EQ(answer.status, status);
    EXPECT_EQ(answer.body, "");
    EXPECT_EQ(has(answer.fields, "content-length: 7"), status != 204);
  }
}

TEST_F(ClientH2Test, InterimAnswersPass) {
  RawApp app([](RawConn& conn) {
    conn.read_until("\r\n\r\n");
    conn.send("HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n");
    conn.send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n" + conn.read_bytes(4));
    conn.at_end();
  });
  start(active(1, app));
  H2Client client = h2();
  H2Answer& answer = client.ask("POST", "/", {{"content-length", "4"}, {"expect", "100-continue"}}, false);
  ASSERT_TRUE(client.wait([&] { return has(answer.interims, "100 "); }));
  EXPECT_EQ(answer.interims, "103 link: a\n100 ");
  client.send(answer, "body");
  client.end(answer);
  ASSERT_TRUE(client.wait(answer));
  EXPECT_EQ(answer.body, "body");
}

TEST_F(ClientH2Test, LargeBodiesPassBothWaysThroughSmallWindows) {
  const std::string page(3'000'000, 'p');
  std::string upload;
  RawApp app([&](RawConn& conn) {
    conn.read_until("\r\n\r\n");
    upload = conn.read_bytes(3'000'000);
    conn.send("HTTP/1.1 200 OK\r\nContent-Length: 3000000\r\n\r\n" + page);
    conn.at_end();
  });
  start(active(1, app));
  http::H2Limits tiny;
  tiny.stream_window = 1'000;
  H2Client client = h2(tiny);
  H2Answer& answer = client.ask("PUT", "/", {{"content-length", "3000000"}}, false);
  const std::string body(3'000'000, 'u');
  client.send(answer, body);
  client.end(answer);
  ASSERT_TRUE(client.wait(answer));
  EXPECT_EQ(upload, body);
  EXPECT_EQ(answer.body, page);
}

TEST_F(ClientH2Test, AClientThatTakesNothingStopsItsAppAndNoOther) {
  std::atomic<std::size_t> written{0};
  RawApp app([&](RawConn& conn) {
    while (true) {
      const std::string head = conn.read_until("\r\n\r\n");
      if (head.empty()) return;
      if (!has(head, "/large")) {
        conn.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        continue;
      }
      conn.send("HTTP/1.1 200 OK\r\nContent-Length: 50000000\r\n\r\n");
      const std::string block(100'000, 'x');
      for (int i = 0; i < 500; ++i) conn.send(block), written += block.size();
    }
  });
  start(active(1, app));
  H2Client client = h2();
  client.consumes = false;
  H2Answer& large = client.ask("GET", "/large");
  ASSERT_TRUE(client.wait([&] { return large.body.size() == http::H2Limits().stream_window; }));
  H2Answer& small = client.ask("GET", "/");
  ASSERT_TRUE(client.wait(small));
  EXPECT_EQ(small.body, "ok");
  EXPECT_LT(written, 20'000'000U) << "the kernel's buffers and ours, no more";
  client.consume(large);
  ASSERT_TRUE(client.wait(large));
  EXPECT_EQ(large.body.size(), 50'000'000U);
}

TEST_F(ClientH2Test, ACutAnswerDoesNotLookWhole) {
  RawApp app([](RawConn& conn) {
    conn.read_until("\r\n\r\n");
    conn.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf");
  });
  start(active(1, app));
  H2Client client = h2();
  H2Answer& answer = client.ask("GET", "/");
  ASSERT_TRUE(client.wait(answer));
  EXPECT_FALSE(answer.ended);
  EXPECT_EQ(answer.error, http::H2Error::kInternal);
}

TEST_F(ClientH2Test, ACutRequestDoesNotLookWholeToTheApp) {
  std::string read;
  std::atomic<int> steps{0};
  RawApp app([&](RawConn& conn) {
    read = conn.read_until("half\r\n");
    ++steps;
    read += conn.read_all();
    ++steps;
  });
  start(active(1, app));
  H2Client client = h2();
  H2Answer& answer = client.ask("POST", "/", {}, false);
  client.send(answer, "half");
  ASSERT_TRUE(wait([&] { return steps == 1; }));
  client.reset(answer);
  ASSERT_TRUE(wait([&] { return steps == 2; }));
  EXPECT_TRUE(read.ends_with("4\r\nhalf\r\n")) << read;
}

TEST_F(ClientH2Test, AnEarlyAnswerArrivesWholeAndStopsTheUpload) {
  RawApp app(once("HTTP/1.1 413 Content Too Large\r\nConnection: close\r\nContent-Length: 2\r\n\r\nno"));
  start(active(1, app));
  H2Client client = h2();
  H2Answer& answer = client.ask("POST", "/", {{"content-length", "1000000"}}, false);
  client.send(answer, std::string(30'000, 'x'));
  ASSERT_TRUE(client.wait([&] { return answer.closed; }));
  EXPECT_EQ(answer.status, 413);
  EXPECT_EQ(answer.body, "no");
  EXPECT_EQ(answer.error, http::H2Error::kNone);
  H2Answer& next = client.ask("GET", "/");
  ASSERT_TRUE(client.wait(next)) << "the connection goes on";
  EXPECT_EQ(next.status, 413);
}

TEST_F(ClientH2Test, ARequestThatCouldBeReadInTwoWaysIsRefusedAloneOfItsConnection) {
  RawApp app(RawApp::answering("ok"));
  start(active(1, app));
  H2Client client = h2();
  H2Answer& bad = client.ask("GET", "/", {{"host", "other"}});
  H2Answer& good = client.ask("GET", "/");
  ASSERT_TRUE(client.wait(bad));
  EXPECT_EQ(bad.status, 400);
  EXPECT_EQ(bad.body, "host_invalid\n");
  ASSERT_TRUE(client.wait(good));
  EXPECT_EQ(good.body, "ok");
}

TEST_F(ClientH2Test, AWebSocketPassesOverHttp2) {
  RawApp app([this](RawConn& conn) {
    asked_ = conn.read_until("\r\n\r\n");
    conn.send(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: "
        "Upgrade\r\nSec-WebSocket-Accept: x\r\n\r\n");
    conn.send(conn.read_bytes(6));
    conn.at_end();
  });
  start(active(1, app));
  H2Client client = h2();
  ASSERT_TRUE(client.wait(client.ask("GET", "/", {{"host", "other"}})));  // the settings are known after this
  H2Answer& socket = client.ask("CONNECT", "/chat", {{"sec-websocket-version", "13"}}, false, "websocket");
  client.send(socket, "\x82\x84qw");  // before the app has agreed
  ASSERT_TRUE(client.wait([&] { return socket.status != 0; }));
  EXPECT_EQ(socket.status, 200);
  EXPECT_EQ(socket.fields, "");
  EXPECT_EQ(
      asked_.find("GET /chat HTTP/1.1\r\nHost: shop\r\nsec-websocket-version: 13\r\nSec-WebSocket-Key: "), 0U)
      << asked_;
  client.send(socket, "er");
  ASSERT_TRUE(client.wait([&] { return socket.body.size() == 6; }));
  client.end(socket);
  ASSERT_TRUE(client.wait([&] { return socket.closed; }));
  EXPECT_EQ(socket.error, http::H2Error::kNone);
}

TEST_F(ClientH2Test, HeldRequestsAreServedWhenAGenerationIsThere) {
  RawApp app(RawApp::answering("ok"));
  start({});
  H2Client client = h2();
  H2Answer& get = client.ask("GET", "/");
  H2Answer& post = client.ask("POST", "/", {}, false);
  client.send(post, std::string(200'000, 'x'));
  ASSERT_TRUE(wait([&] { return plane_->counters().held_now == 2; }));
  EXPECT_GT(post.unsent(), 100'000U) << "the window stays shut";
  client.reset(post);
  publish(active(1, app));
  ASSERT_TRUE(client.wait(get));
  EXPECT_EQ(get.body, "ok");
}

TEST_F(ClientH2Test, AConnectionFollowsTheRouteTable) {
  RawApp first(RawApp::answering("one")), second(RawApp::answering("two"));
  start(active(1, first));
  H2Client client = h2();
  H2Answer& before = client.ask("GET", "/");
  ASSERT_TRUE(client.wait(before));
  publish(active(2, second));
  ASSERT_TRUE(wait_idle(1));
  H2Answer& after = client.ask("GET", "/");
  ASSERT_TRUE(client.wait(after));
  EXPECT_EQ(before.body + after.body, "onetwo");
  EXPECT_EQ(client.goaways(), "");
}

TEST_F(ClientH2Test, TheEndIsToldInTwoStepsAndWhatIsOpenIsServed) {
  std::atomic<bool> go{false};
  RawApp app([&](RawConn& conn) {
    conn.read_until("\r\n\r\n");
    while (!go) std::this_thread::yield();
    conn.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    conn.at_end();
  });
  start(active(1, app));
  H2Client busy = h2(), idle = h2();
  H2Answer& open = busy.ask("GET", "/");
  ASSERT_TRUE(idle.wait(idle.ask("GET", "/", {{"host", "other"}})));
  ASSERT_TRUE(wait([&] { return plane_->counters().requests == 2; }));
  sidecar::RouteTable table = active(1, app);
  table.announce_close = table.stop_listening = true;
  publish(table);
  EXPECT_TRUE(idle.wait_end());
  EXPECT_EQ(idle.goaways(), "2147483647/0 1/0 ");
  ASSERT_TRUE(busy.wait([&] { return busy.goaways() == "2147483647/0 1/0 "; })) << busy.goaways();
  go = true;
  ASSERT_TRUE(busy.wait(open));
  EXPECT_EQ(open.body, "ok");
  EXPECT_TRUE(busy.wait_end());
}

TEST_F(ClientH2Test, ARequestThatRacesTheFirstGoawayIsServed) {
  RawApp app(RawApp::answering("ok"));
  options_.limits.max_requests_per_connection = 2;
  start(active(1, app));
  H2Client client = h2();
  H2Answer& first = client.ask("GET", "/");
  H2Answer& last = client.ask("GET", "/");
  H2Answer& racing = client.ask("GET", "/");
  ASSERT_TRUE(client.wait(first) && client.wait(last) && client.wait(racing));
  EXPECT_EQ(racing.body, "ok");
  EXPECT_TRUE(client.wait_end());
  EXPECT_EQ(client.goaways(), "2147483647/0 5/0 ");
}

TEST_F(ClientH2Test, AnIdleConnectionIsToldAndEnded) {
  RawApp app(RawApp::answering("ok"));
  options_.limits.idle_timeout = Millis(50);
  start(active(1, app));
  H2Client client = h2();
  ASSERT_TRUE(client.wait(client.ask("GET", "/")));
  EXPECT_TRUE(client.wait_end());
  EXPECT_EQ(client.goaways(), "2147483647/0 1/0 ");
}

TEST_F(ClientH2Test, AHeadThatDripsInAndABodyThatStopsHaveTheirTime) {
  RawApp app([](RawConn& conn) { conn.read_all(); });
  options_.limits.header_timeout = options_.limits.body_timeout = Millis(100);
  start(active(1, app));
  H2Client slow_body = h2();
  H2Answer& stopped = slow_body.ask("POST", "/", {}, false);
  ASSERT_TRUE(slow_body.wait(stopped));
  EXPECT_EQ(stopped.status, 408);
  H2Client slow_head = h2();
  slow_head.raw(std::string("\0\0\x40\x01\x04\0\0\0\x01\x82", 10));
  EXPECT_TRUE(slow_head.wait_end());
  EXPECT_TRUE(has(slow_head.goaways(), "/11 ")) << slow_head.goaways();
}

TEST_F(ClientH2Test, ARapidResetEndsItsConnectionAndNoOther) {
  RawApp app(RawApp::answering("ok"));
  start(active(1, app));
  H2Client attacker = h2(), other = h2();
  for (int i = 0; i < 400 && !attacker.gone; ++i) attacker.reset(attacker.ask("GET", "/"));
  EXPECT_TRUE(attacker.wait_end());
  EXPECT_TRUE(has(attacker.goaways(), "/11 ")) << attacker.goaways();
  ASSERT_TRUE(other.wait(other.ask("GET", "/")));
}

TEST_F(ClientH2Test, ThePrefaceMayComeInPiecesAndOnlyFirst) {
  RawApp app(RawApp::answering("ok"));
  start(active(1, app));
  RawConn pieces = client();
  for (const char c : http::kH2Preface) pieces.send({&c, 1});
  pieces.send(std::string("\0\0\0\x04\0\0\0\0\0", 9));
  EXPECT_EQ(pieces.read_bytes(9).substr(3, 1), "\x04");
  RawConn late = client();
  late.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  late.read_message();
  late.send(http::kH2Preface);
  EXPECT_TRUE(has(late.read_message(), "HTTP/1.1 400 "));
}

}  // namespace
}  // namespace sidestep::test
