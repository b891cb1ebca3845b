// gRPC through the plane: what is counted, and what a drain does to streams. The client speaks HTTP/1 here,
// which carries the same messages and trailers.
#include "tests/support/h2_app.h"
#include "tests/support/plane_fixture.h"

namespace sidestep::test {
namespace {

using Request = H2AppConn::Request;

const http::Header kType{"content-type", "application/grpc"};
const std::string kCall =
    "POST /s/M HTTP/1.1\r\nHost: a\r\nContent-Type: application/grpc+proto\r\nTE: trailers\r\nConnection: "
    "TE\r\n"
    "Transfer-Encoding: chunked\r\n\r\n";
const std::string kOne("\0\0\0\0\2hi", 7);
const std::string kChunk = "7\r\n" + kOne + "\r\n";

class GrpcStreamsTest : public PlaneTest {
 protected:
  GrpcStreamsTest() {
    options_.app_protocol = sidecar::AppProtocol::kH2c;
    // Begins with a message, adds one for each that comes, and ends when the client has ended.
    chat_.on_head = [](H2AppConn& app, Request& request) {
      app.session.respond(request, 200, {{kType}}, false);
      say(app, request);
    };
    chat_.on_data = say;
    chat_.on_whole = [](H2AppConn& app, Request& request) {
      app.session.end(request, {{http::Header("grpc-status", "0")}});
      app.session.flush(request);
    };
  }
  static void say(H2AppConn& app, Request& request) {
    app.session.write(request, kOne);
    app.session.flush(request);
  }
  H2AppConn::Script chat_;
};

TEST_F(GrpcStreamsTest, StatusIsCountedFromTrailersAndFromTrailersOnlyAnswers) {
  H2AppConn::Script script;
  script.on_whole = [](H2AppConn& app, Request& request) {
    if (request.path == "/s/Unavailable")
      app.answer(request, "", {kType, {"grpc-status", "14"}});
    else if (request.path == "/s/None")
      app.answer(request, kOne, {kType});
    else
      app.answer(request, kOne, {kType}, {{"grpc-status", request.path == "/s/NotFound" ? "5" : "0"}});
  };
  RawApp app(h2_app(script));
  start(active(1, app));
  for (const std::string method : {"M", "NotFound", "Unavailable", "None"}) {
    RawConn conn = client();
    conn.send("POST /s/" + method + " HTTP/1.1\r\nHost: a\r\nContent-Type: application/grpc\r\n" +
              "Content-Length: 0\r\nConnection: close\r\n\r\n");
    EXPECT_TRUE(has(conn.read_all(), "200 OK")) << method;
  }
  const auto counters = of(1);
  EXPECT_EQ(counters.by_grpc_code[0], 1U);
  EXPECT_EQ(counters.by_grpc_code[5], 1U);
  EXPECT_EQ(counters.by_grpc_code[14], 1U);
  EXPECT_EQ(counters.by_grpc_code[2], 1U);  // an answer that says none
  EXPECT_EQ(counters.errors(), 2U);
}

TEST_F(GrpcStreamsTest, AStreamIsKeptByAReloadAndEndsAsItsClientWishes) {
  RawApp app(h2_app(chat_));
  RawApp next(h2_app(chat_));
  start(active(1, app));
  RawConn conn = client();
  conn.send(kCall);
  conn.read_until(kChunk);
  publish(replaced(next, 0, Millis(0), Millis(60'000)));
  conn.send(kChunk);
  EXPECT_TRUE(has(conn.read_until(kChunk), kOne));
  int rounds = 0;
  ASSERT_TRUE(wait([&] { return ++rounds > 20; }));
  EXPECT_TRUE(idle_.empty());
  EXPECT_EQ(of(1).tunnels_open, 1U);
  conn.send("0\r\n\r\n");
  EXPECT_TRUE(has(conn.read_until("grpc-status: 0\r\n\r\n"), "grpc-status: 0"));
  EXPECT_TRUE(wait_idle(1));
  EXPECT_EQ(of(1).tunnels_cut, 0U);
}

TEST_F(GrpcStreamsTest, AStreamThatIsClosedByPolicyIsToldWithAStatus) {
  RawApp app(h2_app(chat_));
  RawApp next(h2_app(chat_));
  start(active(1, app));
  RawConn conn = client();
  conn.send(kCall);
  conn.read_until(kChunk);
  publish(replaced(next, 1012, Millis(60'000), Millis(60'000)));
  const std::string end = conn.read_until("replaced\r\n\r\n");
  EXPECT_TRUE(has(end, "0\r\ngrpc-status: 14\r\ngrpc-message: the app is being replaced\r\n\r\n")) << end;
  EXPECT_TRUE(wait_idle(1));
  EXPECT_EQ(of(1).tunnels_told, 1U);
  EXPECT_EQ(of(1).errors(), 0U);
}

TEST_F(GrpcStreamsTest, AUnaryCallUnderWayIsNotClosedByPolicy) {
  std::atomic<bool> begun{false};
  H2AppConn::Script script;
  script.on_head = [&](H2AppConn& app, Request& request) {
    if (request.path == "/end") return app.answer(request, "ok", {{"content-length", "2"}});
    begun = true;
  };
  script.on_whole = [](H2AppConn& app, Request& request) {
    if (request.path != "/end") app.answer(request, kOne, {kType}, {{"grpc-status", "0"}});
  };
  RawApp app(h2_app(script));
  RawApp next(h2_app(script));
  start(active(1, app));
  RawConn conn = client();
  conn.send(kCall + kChunk);
  ASSERT_TRUE(wait([&] { return begun.load(); }));
  publish(replaced(next, 1012, Millis(60'000), Millis(60'000)));
  EXPECT_TRUE(has(get("/end"), "ok"));  // by the next generation: the table has arrived
  conn.send("0\r\n\r\n");
  EXPECT_TRUE(has(conn.read_until("grpc-status: 0\r\n\r\n"), "grpc-status: 0"));
  EXPECT_TRUE(wait_idle(1));
  EXPECT_EQ(of(1).tunnels_cut, 0U);
}

}  // namespace
}  // namespace sidestep::test
