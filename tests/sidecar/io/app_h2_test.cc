// HTTP/1 clients in front of an app that speaks HTTP/2.
#include "tests/support/h2_app.h"
#include "tests/support/plane_fixture.h"

namespace sidestep::test {
namespace {

using sidecar::Outcome;
using Request = H2AppConn::Request;

class AppH2Test : public PlaneTest {
 protected:
  AppH2Test() { options_.app_protocol = sidecar::AppProtocol::kH2c; }
  H2AppConn::Script script_;
};

TEST_F(AppH2Test, ARequestAndItsAnswerPass) {
  std::string fields;
  script_.on_whole = [&](H2AppConn& app, Request& request) {
    for (const auto& [name, value] : request.fields) fields += name + ": " + value + "\n";
    app.answer(request, "hello " + request.method + request.path, {{"x-app", "1"}});
  };
  RawApp app(h2_app(script_));
  start(active(1, app));
  RawConn conn = client();
  conn.send("GET /x?y HTTP/1.1\r\nHost: a\r\nX-Client: 2\r\nX-Forwarded-For: 6.6.6.6\r\n\r\n");
  const std::string answer = conn.read_until("0\r\n\r\n");
  EXPECT_TRUE(has(answer, "HTTP/1.1 200 OK\r\n")) << answer;
  EXPECT_TRUE(has(answer, "x-app: 1\r\n"));
  EXPECT_TRUE(has(answer, "hello GET/x?y"));
  EXPECT_TRUE(has(fields, "x-client: 2\n")) << fields;
  EXPECT_TRUE(has(fields, "x-forwarded-for: 127.0.0.1\n"));
  EXPECT_FALSE(has(fields, "6.6.6.6"));
}

TEST_F(AppH2Test, AnswersWithoutABodyAreWhole) {
  script_.on_whole = [](H2AppConn& app, Request& request) {
    const int status = request.path == "/204" ? 204 : 200;
    if (request.method == "HEAD")
      app.answer(request, "", {{"content-length", "7"}});
    else
      app.answer(request, "", {}, {}, status);
  };
  RawApp app(h2_app(script_));
  start(active(1, app));
  RawConn conn = client();
  conn.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_TRUE(has(conn.read_message(), "Content-Length: 0\r\n"));
  conn.send("GET /204 HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_TRUE(has(conn.read_message(), "HTTP/1.1 204 "));
  conn.send("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_TRUE(has(conn.read_until("\r\n\r\n"), "Content-Length: 7\r\n"));
  EXPECT_EQ(of(1).by_outcome[static_cast<std::size_t>(Outcome::kServed)], 3U);
}

TEST_F(AppH2Test, ManyRequestsShareOneConnection) {
  script_.on_whole = [](H2AppConn& app, Request& request) {
    app.answer(request, "ok", {{"content-length", "2"}});
  };
  RawApp app(h2_app(script_));
  start(active(1, app));
  std::vector<RawConn> conns;
  for (int i = 0; i < 20; ++i) conns.push_back(client());
  for (int round = 0; round < 5; ++round) {
    for (RawConn& conn : conns) conn.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    for (RawConn& conn : conns) EXPECT_TRUE(has(conn.read_message(), "\r\n\r\nok"));
  }
  EXPECT_EQ(app.connections(), 1);
  EXPECT_EQ(of(1).by_outcome[static_cast<std::size_t>(Outcome::kServed)], 100U);
}

TEST_F(AppH2Test, ChunkedBodiesAndTrailersPassBothWays) {
  std::string body, sum;
  script_.on_whole = [&](H2AppConn& app, Request& request) {
    body = request.body;
    sum = request.trailing["x-sum"];
    app.answer(request, "abc", {}, {{"x-check", "9"}});
  };
  RawApp app(h2_app(script_));
  start(active(1, app));
  RawConn conn = client();
  conn.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nwxyz\r\n");
  conn.send("0\r\nX-Sum: 7\r\n\r\n");
  EXPECT_TRUE(has(conn.read_until("x-check: 9\r\n\r\n"), "3\r\nabc\r\n0\r\nx-check: 9\r\n\r\n"));
  EXPECT_EQ(body, "wxyz");
  EXPECT_EQ(sum, "7");
}

TEST_F(AppH2Test, LargeBodiesPassTinyWindowsWhole) {
  std::string large(3'000'000, 'x');
  for (std::size_t i = 0; i < large.size(); ++i) large[i] = static_cast<char>('a' + i % 23);
  script_.limits.stream_window = 1'000;
  options_.limits.stream_buffer_bytes = 16'384;
  script_.on_whole = [&](H2AppConn& app, Request& request) {
    app.answer(request, request.body, {{"content-length", std::to_string(request.body.size())}});
  };
  RawApp app(h2_app(script_));
  start(active(1, app));
  RawConn conn = client();
  std::thread sender([&] {
    conn.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: " + std::to_string(large.size()) + "\r\n\r\n" +
              large);
  });
  const std::string answer = conn.read_message();
  sender.join();
  ASSERT_GT(answer.size(), large.size());
  EXPECT_TRUE(answer.ends_with(large));
}

TEST_F(AppH2Test, AnEarlyAnswerEndsTheUpload) {
  std::atomic<bool> cancelled{false};
  script_.on_head = [](H2AppConn& app, Request& request) {
    app.answer(request, "no", {{"content-length", "2"}}, {}, 413);
  };
  script_.on_closed = [&](H2AppConn&, Request&, http::H2Error error) {
    cancelled = error == http::H2Error::kCancel;
  };
  RawApp app(h2_app(script_));
  start(active(1, app));
  RawConn conn = client();
  conn.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\nsome");
  EXPECT_TRUE(has(conn.read_message(), "413 "));
  EXPECT_TRUE(wait([&] { return cancelled.load(); }));
  EXPECT_TRUE(wait([&] { return of(1).in_flight == 0; }));
}

TEST_F(AppH2Test, AClientThatLeavesCancelsItsStreamAlone) {
  std::atomic<bool> begun{false}, cancelled{false};
  script_.on_whole = [&](H2AppConn& app, Request& request) {
    if (request.path == "/slow")
      begun = true;
    else
      app.answer(request, "ok", {{"content-length", "2"}});
  };
  script_.on_closed = [&](H2AppConn&, Request& request, http::H2Error error) {
    if (request.path == "/slow") cancelled = error == http::H2Error::kCancel;
  };
  RawApp app(h2_app(script_));
  start(active(1, app));
  RawConn slow = client();
  slow.send("GET /slow HTTP/1.1\r\nHost: a\r\n\r\n");
  ASSERT_TRUE(wait([&] { return begun.load(); }));
  slow.reset();
  EXPECT_TRUE(wait([&] { return cancelled.load(); }));
  EXPECT_TRUE(has(get(), "ok"));
  EXPECT_EQ(app.connections(), 1);
}

TEST_F(AppH2Test, BeyondTheAppsOwnBoundAnotherConnectionIsOpened) {
  script_.limits.max_streams = 2;
  std::atomic<int> waiting{0};
  script_.on_whole = [&](H2AppConn& app, Request& request) {
    if (request.path == "/wait")
      ++waiting;
    else
      app.answer(request, "first", {{"content-length", "5"}});
  };
  RawApp app(h2_app(script_));
  start(active(1, app));
  EXPECT_TRUE(has(get("/first"), "first"));  // now the app's bound is known
  std::vector<RawConn> conns;
  for (int i = 0; i < 5; ++i) {
    conns.push_back(client());
    conns.back().send("GET /wait HTTP/1.1\r\nHost: a\r\n\r\n");
  }
  EXPECT_TRUE(wait([&] { return waiting == 5; }));
  EXPECT_GE(app.connections(), 3);
}

TEST_F(AppH2Test, WhatGoawayLeavesOutIsSentAgainWhateverItsMethodAndTheRestFinishes) {
  std::atomic<int> executed{0};
  script_.on_whole = [&](H2AppConn& app, Request& request) {
    if (app.number > 1) {
      ++executed;
      return app.answer(request, "second", {{"content-length", "6"}});
    }
    if (request.path == "/warm") return app.answer(request, "ok", {{"content-length", "2"}});
    if (request.path == "/first") {
      app.session.shut();  // everything after this stream is not processed
      app.flush();
      ++executed;
      app.answer(request, "first", {{"content-length", "5"}});
    }
  };
  RawApp app(h2_app(script_));
  start(active(1, app));
  EXPECT_TRUE(has(get("/warm"), "ok"));
  RawConn first = client();
  RawConn other = client();
  first.send("POST /first HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi");
  other.send("POST /other HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi");
  EXPECT_TRUE(has(first.read_message(), "200 OK"));
  EXPECT_TRUE(has(other.read_message(), "200 OK"));
  EXPECT_EQ(executed, 2);
}

TEST_F(AppH2Test, ARefusedPostIsSentAgain) {
  std::atomic<int> seen{0};
  script_.on_whole = [&](H2AppConn& app, Request& request) {
    if (seen++ == 0) return app.session.reset(request, http::H2Error::kRefusedStream);
    app.answer(request, "ok", {{"content-length", "2"}});
  };
  RawApp app(h2_app(script_));
  start(active(1, app));
  RawConn conn = client();
  conn.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi");
  EXPECT_TRUE(has(conn.read_message(), "\r\n\r\nok"));
  EXPECT_EQ(seen, 2);
}

TEST_F(AppH2Test, AnAppThatRefusesEveryStreamIsAnswered503) {
  script_.on_whole = [](H2AppConn& app, Request& request) {
    app.session.reset(request, http::H2Error::kRefusedStream);
  };
  RawApp app(h2_app(script_));
  start(active(1, app));
  EXPECT_TRUE(has(get(), "HTTP/1.1 503 "));
}

TEST_F(AppH2Test, APostThatWasResetInTheMiddleIsNotSentAgain) {
  std::atomic<int> seen{0};
  script_.on_whole = [&](H2AppConn& app, Request& request) {
    ++seen;
    app.session.reset(request, http::H2Error::kInternal);
  };
  RawApp app(h2_app(script_));
  start(active(1, app));
  RawConn conn = client();
  conn.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi");
  EXPECT_TRUE(has(conn.read_message(), "HTTP/1.1 502 "));
  EXPECT_EQ(seen, 1);
  EXPECT_EQ(of(1).by_outcome[static_cast<std::size_t>(Outcome::kAmbiguous)], 1U);
}

TEST_F(AppH2Test, AGenerationIsIdleOnlyWhenItsLastStreamHasEnded) {
  std::atomic<bool> begun{false};
  std::atomic<bool> said_goodbye{false};
  script_.on_head = [&](H2AppConn&, Request&) { begun = true; };
  script_.on_whole = [](H2AppConn& app, Request& request) {
    app.answer(request, "late", {{"content-length", "4"}});
  };
  script_.on_goaway = [&] { said_goodbye = true; };
  RawApp app(h2_app(script_));
  RawApp next(h2_app(script_));
  start(active(1, app));
  RawConn conn = client();
  conn.send("POST /long HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\nhi");
  ASSERT_TRUE(wait([&] { return begun.load(); }));
  publish(active(2, next));
  int rounds = 0;
  ASSERT_TRUE(wait([&] { return ++rounds > 20; }));
  EXPECT_TRUE(idle_.empty());
  conn.send("more");
  EXPECT_TRUE(has(conn.read_message(), "late"));
  EXPECT_TRUE(wait_idle(1));
  EXPECT_TRUE(wait([&] { return said_goodbye.load(); }));
}

TEST_F(AppH2Test, AWebSocketOfAnHttp1ClientPasses) {
  std::string protocol, version, key;
  script_.on_head = [&](H2AppConn& app, Request& request) {
    protocol = request.protocol;
    version = request.field("sec-websocket-version");
    key = request.field("sec-websocket-key");
    app.session.respond(request, 200, {}, false);
  };
  script_.on_data = [](H2AppConn& app, Request& request) {
    const std::string echoed = std::exchange(request.body, {});  // until the flush
    app.session.write(request, echoed);
    app.session.flush(request);
  };
  RawApp app(h2_app(script_));
  start(active(1, app));
  RawConn conn = client();
  conn.send(
      "GET /chat HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
      "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n");
  const std::string head = conn.read_until("\r\n\r\n");
  EXPECT_TRUE(has(head, "HTTP/1.1 101 ")) << head;
  EXPECT_TRUE(has(head, "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"));
  conn.send("\x81\x85xxxx12345");
  EXPECT_EQ(conn.read_bytes(11), "\x81\x85xxxx12345");
  EXPECT_EQ(protocol, "websocket");
  EXPECT_EQ(version, "13");
  EXPECT_EQ(key, "");
  EXPECT_EQ(of(1).tunnels_open, 1U);
}

TEST_F(AppH2Test, AnAppThatSpeaksHttp1AloneIsAnswered502) {
  RawApp app([](RawConn& conn) {
    conn.read_until("\r\n\r\n");
    conn.send("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
    conn.read_all();
  });
  start(active(1, app));
  EXPECT_TRUE(has(get(), "HTTP/1.1 502 "));
}

}  // namespace
}  // namespace sidestep::test
