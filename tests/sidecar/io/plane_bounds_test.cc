// What waits, and what ends, at the edges of a plane: held bytes, clients that leave, the last bytes of a
// tunnel, the last attempt.
#include <atomic>

#include "tests/support/h2_client.h"
#include "tests/support/plane_fixture.h"

namespace sidestep::test {
namespace {

using std::chrono::steady_clock;

std::string upload(std::size_t length, std::string_view begin) {
  return "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: " + std::to_string(length) + "\r\n\r\n" +
         std::string(begin);
}

TEST_F(PlaneTest, BytesOfRequestsThatWaitForAnAppThatRefusesConnectionsAreBounded) {
  options_.policy.hold.max_bytes = 10'000;
  auto gone = std::make_unique<RawApp>(RawApp::answering("x"));
  const sidecar::RouteTable refusing = active(1, *gone);
  gone.reset();
  start(refusing);
  RawConn small = client();
  small.send(upload(5'000, std::string(5'000, 'x')));
  ASSERT_TRUE(wait([&] { return plane_->counters().held_bytes_now > 5'000; }));
  RawConn large = client();
  large.send(upload(20'000, std::string(20'000, 'x')));
  EXPECT_TRUE(has(large.read_message(), "HTTP/1.1 503 "));
  RawApp app(RawApp::answering("served"));
  publish(active(2, app));
  EXPECT_TRUE(has(small.read_message(), "served"));
  EXPECT_TRUE(wait([&] { return plane_->counters().held_bytes_now == 0; }));
}

TEST_F(PlaneTest, AHeldUploadWhoseClientHasLeftIsCountedNoLonger) {
  options_.policy.hold.timeout = Seconds(60);
  start({});
  RawConn stays = client();
  stays.send(upload(10, "half"));
  stays.half_close();  // cut as well: its other half cannot come
  RawConn whole = client();
  whole.send(upload(4, "full"));
  whole.half_close();
  RawConn leaves = client();
  leaves.send(upload(10, "half"));
  ASSERT_TRUE(wait([&] { return plane_->counters().held_total == 3; }));
  leaves.close();
  EXPECT_TRUE(wait([&] { return plane_->counters().held_now == 1; }));
  RawApp app(RawApp::answering("served"));
  publish(active(1, app));
  EXPECT_TRUE(has(whole.read_all(), "served"));
}

TEST_F(PlaneTest, TheLastBytesOfATunnelThatBothSidesHaveEndedReachTheApp) {
  const std::string last(200'000, 'x');
  std::atomic<bool> all_sent{false};
  std::atomic<std::size_t> got{0};
  std::atomic<bool> ended{false};
  RawApp app([&](RawConn& conn) {
    conn.read_until("\r\n\r\n");
    conn.send("HTTP/1.1 101 Switching Protocols\r\nUpgrade: raw\r\nConnection: Upgrade\r\n\r\nbye");
    conn.half_close();
    while (!all_sent) std::this_thread::yield();
    got = conn.read_all().size();
    ended = true;
  });
  start(active(1, app));
  RawConn conn = client();
  conn.send("GET / HTTP/1.1\r\nHost: a\r\nUpgrade: raw\r\nConnection: Upgrade\r\n\r\n");
  EXPECT_TRUE(has(conn.read_all(), "bye"));
  conn.send(last);
  conn.half_close();
  all_sent = true;
  EXPECT_TRUE(wait([&] { return ended.load(); }));
  EXPECT_EQ(got, last.size());
}

// A process that was killed closes its connections one after another; a request once tried three of them
// within a millisecond, and failed.
TEST_F(PlaneTest, TheLastAttemptIsNotMadeBeforeADyingAppHasClosedItsConnections) {
  std::atomic<int> first{0};
  std::atomic<int> second{0};
  steady_clock::time_point closed;  // written before `second` is, read after
  steady_clock::time_point asked;
  RawApp app([&](RawConn& conn) {
    conn.read_message();
    ++first;
    while (first < 3) std::this_thread::yield();
    conn.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    if (conn.read_message().empty()) return;
    (second == 2 ? asked : closed) = steady_clock::now();
    if (++second == 3) conn.send("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nthird");
  });
  start(active(1, app));
  RawConn clients[] = {client(), client(), client()};
  for (RawConn& one : clients) one.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  for (RawConn& one : clients) ASSERT_TRUE(has(one.read_message(), "ok"));
  clients[0].send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_TRUE(has(clients[0].read_message(), "third"));
  EXPECT_GE(asked - closed, std::chrono::milliseconds(15));
}

// A candidate is not judged by clients that lose patience.
TEST_F(PlaneTest, AClientThatGivesUpIsNoErrorOfTheApp) {
  std::atomic<int> asked{0};
  RawApp app([&](RawConn& conn) {
    conn.read_message();
    ++asked;
    conn.read_all();  // until the proxy gives it up
  });
  start(active(1, app));
  const auto gone = static_cast<std::size_t>(sidecar::Outcome::kClientGone);
  RawConn one = client();
  one.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_TRUE(wait([&] { return asked == 1; }));
  one.reset();
  EXPECT_TRUE(wait([&] { return of(1).by_outcome[gone] == 1; }));
  H2Client two(client());
  H2Answer& answer = two.ask("GET", "/");
  EXPECT_TRUE(wait([&] { return asked == 2; }));
  two.reset(answer);
  EXPECT_TRUE(wait([&] { return of(1).by_outcome[gone] == 2; }));
  EXPECT_EQ(of(1).errors(), 0U);
}

TEST_F(PlaneTest, ShortOfMemoryIdleClientsAreClosedAndAnswersSayThatTheConnectionCloses) {
  RawApp app(RawApp::answering("served"));
  start(active(1, app));
  RawConn idle = client();
  idle.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_FALSE(has(idle.read_message(), "Connection: close"));
  plane_->shed(sidecar::MemoryPressure::kConnections);
  EXPECT_EQ(idle.read_all(), "");
  const std::string answer = get();
  EXPECT_TRUE(has(answer, "served") && has(answer, "Connection: close")) << answer;
  plane_->shed(sidecar::MemoryPressure::kNone);
  EXPECT_FALSE(has(get(), "Connection: close"));
  EXPECT_GE(plane_->counters().limits.of(sidecar::Limit::kMaxMemoryBytes), 1U);
}

TEST_F(PlaneTest, ShorterOfMemoryNewRequestsGet503AndThoseThatWaitAreServed) {
  RawApp app(RawApp::answering("served"));
  start({});
  RawConn waits = client();
  waits.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  ASSERT_TRUE(wait([&] { return plane_->counters().held_now == 1; }));
  plane_->shed(sidecar::MemoryPressure::kRequests);
  const std::string answer = get();
  EXPECT_TRUE(has(answer, " 503 ") && has(answer, "Retry-After: 1")) << answer;
  publish(active(1, app));
  EXPECT_TRUE(has(waits.read_message(), "served"));
}

TEST_F(PlaneTest, ShortestOfMemoryNewConnectionsWaitAndAreServedLater) {
  RawApp app(RawApp::answering("served"));
  start(active(1, app));
  plane_->shed(sidecar::MemoryPressure::kAccepts);
  RawConn late = client();
  late.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  ASSERT_TRUE(wait([&] { return plane_->counters().limits.of(sidecar::Limit::kMaxMemoryBytes) > 0; }));
  EXPECT_EQ(plane_->counters().accepted, 0U);
  plane_->shed(sidecar::MemoryPressure::kNone);
  EXPECT_TRUE(has(late.read_message(), "served"));
}

}  // namespace
}  // namespace sidestep::test
