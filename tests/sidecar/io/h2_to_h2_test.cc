// HTTP/2 clients in front of an app that speaks HTTP/2.
#include "tests/support/h2_app.h"
#include "tests/support/h2_client.h"
#include "tests/support/plane_fixture.h"

namespace sidestep::test {
namespace {

using Request = H2AppConn::Request;

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

class H2ToH2Test : public PlaneTest {
 protected:
  H2ToH2Test() { options_.app_protocol = sidecar::AppProtocol::kH2c; }
  H2AppConn::Script script_;
};

TEST_F(H2ToH2Test, LargeBodiesAndTrailersPassTinyWindowsWhole) {
  std::string large(1'000'000, ' ');
  for (std::size_t i = 0; i < large.size(); ++i) large[i] = static_cast<char>('a' + i % 23);
  script_.limits.stream_window = 1'000;
  script_.on_whole = [](H2AppConn& app, Request& request) {
    app.answer(request, request.body, {}, {{"x-sum", request.trailing["x-sum"]}});
  };
  RawApp app(h2_app(script_));
  start(active(1, app));
  http::H2Limits tiny;
  tiny.stream_window = 1'500;
  H2Client client_h2(client(), tiny);
  H2Answer& first = client_h2.ask("POST", "/1", {}, false);
  H2Answer& second = client_h2.ask("POST", "/2", {}, false);
  client_h2.send(first, large);
  client_h2.send(second, large);
  client_h2.end(first, {{"x-sum", "7"}});
  client_h2.end(second, {{"x-sum", "8"}});
  ASSERT_TRUE(client_h2.wait(first));
  ASSERT_TRUE(client_h2.wait(second));
  EXPECT_TRUE(first.body == large);
  EXPECT_TRUE(second.body == large);
  EXPECT_EQ(first.trailers, "x-sum: 7\n");
  EXPECT_EQ(second.trailers, "x-sum: 8\n");
  EXPECT_EQ(app.connections(), 1);
}

TEST_F(H2ToH2Test, AClientThatDoesNotReadStopsItsOwnStreamAlone) {
  const std::string large(2'000'000, 'x');
  options_.limits.stream_buffer_bytes = 16'384;
  script_.on_whole = [&](H2AppConn& app, Request& request) {
    app.answer(request, request.path == "/large" ? large : "small");
  };
  RawApp app(h2_app(script_));
  start(active(1, app));
  H2Client slow(client());
  slow.consumes = false;
  H2Answer& stuck = slow.ask("GET", "/large");
  ASSERT_TRUE(slow.wait([&] { return stuck.body.size() > 60'000; }));
  H2Client other(client());
  H2Answer& answer = other.ask("GET", "/");
  ASSERT_TRUE(other.wait(answer));
  EXPECT_EQ(answer.body, "small");
  EXPECT_EQ(app.connections(), 1);
  slow.consume(stuck);
  ASSERT_TRUE(slow.wait(stuck));
  EXPECT_EQ(stuck.body.size(), large.size());
}

TEST_F(H2ToH2Test, ACancelReachesTheAppsStream) {
  std::atomic<bool> begun{false}, cancelled{false};
  script_.on_whole = [&](H2AppConn&, Request&) { begun = true; };
  script_.on_closed = [&](H2AppConn&, Request&, http::H2Error error) {
    cancelled = error == http::H2Error::kCancel;
  };
  RawApp app(h2_app(script_));
  start(active(1, app));
  H2Client conn(client());
  H2Answer& answer = conn.ask("GET", "/");
  ASSERT_TRUE(wait([&] { return begun.load(); }));
  conn.reset(answer);
  EXPECT_TRUE(wait([&] { return cancelled.load(); }));
}

TEST_F(H2ToH2Test, AWebSocketPasses) {
  std::string protocol;
  script_.on_head = [&](H2AppConn& app, Request& request) {
    protocol = request.protocol;
    app.session.respond(request, 200, {}, false);
  };
  script_.on_data = [](H2AppConn& app, Request& request) {
    const std::string echoed = std::exchange(request.body, {});  // until the flush
    app.session.write(request, echoed);
    app.session.flush(request);
  };
  RawApp app(h2_app(script_));
  start(active(1, app));
  H2Client conn(client());
  H2Answer& answer = conn.ask("CONNECT", "/chat", {{"sec-websocket-version", "13"}}, false, "websocket");
  conn.send(answer, "\x81\x85xxxx12345");
  ASSERT_TRUE(conn.wait([&] { return answer.body.size() == 11; }));
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(protocol, "websocket");
  EXPECT_FALSE(has(answer.fields, "sec-websocket-accept"));
}

TEST_F(H2ToH2Test, AGrpcCallThatNobodyCanTakeIsToldInItsOwnWords) {
  options_.policy.hold.max_requests = 0;
  start({});
  H2Client conn(client());
  H2Answer& answer = conn.ask("POST", "/s/M", {{"content-type", "application/grpc"}});
  ASSERT_TRUE(conn.wait(answer));
  EXPECT_EQ(answer.status, 200);
  EXPECT_TRUE(has(answer.fields, "grpc-status: 14\n")) << answer.fields;
  EXPECT_EQ(answer.body, "");
}

}  // namespace
}  // namespace sidestep::test
