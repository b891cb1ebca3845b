// TLS from a shard to raw apps: handshakes that fail in each way, resumption, ends that were not said.
#include <gtest/gtest.h>

#include <atomic>

#include "tests/support/plane_fixture.h"
#include "tests/support/tls_app.h"

namespace sidestep::test {
namespace {

using sidecar::AppHandshakeResult;
using sidecar::Outcome;

constexpr std::string_view kOk = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
constexpr std::string_view kNotTls = "HTTP/1.1 400 Bad Request\r\n\r\n";

class AppTlsTest : public PlaneTest {
 protected:
  AppTlsTest() {
    options_.app_tls.on = true;
    options_.policy.hold.timeout = Seconds{1};
  }
  void begin(const RawApp& app, const std::string& ca = {}) {
    start(active(1, app));
    front::TlsClientSettings settings;
    settings.trust =
        ca.empty() ? front::TlsClientSettings::Trust::kNothing : front::TlsClientSettings::Trust::kGiven;
    settings.ca = ca;
    plane_->secure_app(*front::TlsClient::make(settings), {});
  }
  std::uint64_t handshakes(AppHandshakeResult result) {
    return plane_->counters().app_handshakes[static_cast<std::size_t>(result)];
  }
  std::uint64_t outcomes(Outcome outcome) { return of(1).by_outcome[static_cast<std::size_t>(outcome)]; }
};

TEST_F(AppTlsTest, TheNextConnectionGoesOnWithTheSessionOfTheLast) {
  RawApp app(tls_app([](TlsAppConn& conn) {
    conn.read_until("\r\n\r\n");
    conn.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok");
  }));
  begin(app);
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(has(get(), "\r\n\r\nok"));
  EXPECT_EQ(handshakes(AppHandshakeResult::kFull), 1U);
  EXPECT_EQ(handshakes(AppHandshakeResult::kResumed), 2U);
}

TEST_F(AppTlsTest, ACertificateOfSomebodyElseIsRefusedAndTheAnswerSaysWhereToLook) {
  RawApp app(tls_app([](TlsAppConn& conn) { conn.send(kOk); }));
  begin(app, front::make_certificate("another", "").chain);
  const std::string answer = get();
  EXPECT_TRUE(has(answer, "HTTP/1.1 503 ")) << answer;
  EXPECT_TRUE(has(answer, "TLS to it fails; sidestep status says why")) << answer;
  EXPECT_GE(handshakes(AppHandshakeResult::kUntrusted), 1U);
  EXPECT_EQ(of(1).connects, of(1).connect_failures);
}

TEST_F(AppTlsTest, AnAppThatDoesNotSpeakTlsGetsNoByteOfARequest) {
  std::mutex mutex;
  std::string seen;
  RawApp app([&](RawConn& conn) {
    conn.send(kNotTls);
    const std::string got = conn.read_all();
    const std::lock_guard lock(mutex);
    seen += got;
  });
  begin(app);
  EXPECT_TRUE(has(get("/secret"), "HTTP/1.1 503 "));
  EXPECT_GE(handshakes(AppHandshakeResult::kFailed), 1U);
  const std::lock_guard lock(mutex);
  EXPECT_FALSE(has(seen, "secret"));
}

TEST_F(AppTlsTest, AnAppThatChokesOnASessionGetsAWholeHandshakeNext) {
  const RawApp::Handler good = tls_app([](TlsAppConn& conn) {
    conn.read_until("\r\n\r\n");
    conn.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok");
  });
  std::atomic<ssize_t> whole_hello{0};
  std::atomic<int> choked{0};
  RawApp app([&](RawConn& conn) {
    char hello[8'192];
    const ssize_t size = ::recv(conn.fd(), hello, sizeof hello, MSG_PEEK);
    if (whole_hello == 0) whole_hello = size;
    if (size <= whole_hello + 32) return good(conn);  // a session makes it longer by its ticket
    ++choked;
    conn.reset();
  });
  begin(app);
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(has(get(), "\r\n\r\nok"));
  EXPECT_EQ(choked, 2);
  EXPECT_EQ(handshakes(AppHandshakeResult::kFull), 3U);
}

TEST_F(AppTlsTest, AHandshakeThatHangsIsALateConnectAndHarmsNoOther) {
  options_.limits.app_connect_timeout = Millis{50};
  std::atomic<int> connections{0};
  const RawApp::Handler good = tls_app([](TlsAppConn& conn) {
    while (!conn.read_until("\r\n\r\n").empty()) conn.send(kOk);
  });
  RawApp app([&](RawConn& conn) {
    if (++connections > 1) return good(conn);
    conn.read_all();  // says nothing
  });
  begin(app);
  EXPECT_TRUE(has(get(), "\r\n\r\nok"));
  EXPECT_EQ(plane_->counters().limits.of(sidecar::Limit::kAppConnectTimeout), 1U);
  EXPECT_EQ(outcomes(Outcome::kServed), 1U);
}

TEST_F(AppTlsTest, AFailureBeforeTheHandshakeIsDoneRisksNoRequestTwice) {
  std::atomic<int> connections{0}, executed{0};
  const RawApp::Handler good = tls_app([&](TlsAppConn& conn) {
    while (!conn.read_until("\r\n\r\nx").empty()) ++executed, conn.send(kOk);
  });
  RawApp app([&](RawConn& conn) { ++connections > 3 ? good(conn) : conn.reset(); });
  begin(app);
  RawConn conn = client();
  conn.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx");
  EXPECT_TRUE(has(conn.read_message(), "\r\n\r\nok"));
  EXPECT_EQ(executed, 1);
  EXPECT_EQ(of(1).connect_failures, 3U);
}

TEST_F(AppTlsTest, AfterTheHandshakeTheUsualRulesOfRetryHold) {
  std::atomic<int> connections{0};
  RawApp app(tls_app([&](TlsAppConn& conn) {
    conn.read_until("\r\n\r\n");
    if (++connections % 2 == 1) return conn.reset();
    conn.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok");
  }));
  begin(app);
  EXPECT_TRUE(has(get(), "\r\n\r\nok")) << "a GET is sent again";
  RawConn conn = client();
  conn.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n");
  EXPECT_TRUE(has(conn.read_message(), "HTTP/1.1 502 ")) << "a POST is not";
  EXPECT_EQ(outcomes(Outcome::kAmbiguous), 1U);
}

TEST_F(AppTlsTest, WhatTheAppSaysUnaskedReachesNobody) {
  RawApp app(tls_app([&](TlsAppConn& conn) {
    while (!conn.read_until("\r\n\r\n").empty())
      conn.send(std::string(kOk) + "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nwrong");
  }));
  begin(app);
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(has(get(), "\r\n\r\nok"));
  EXPECT_EQ(app.connections(), 3);
}

TEST_F(AppTlsTest, AnEndThatTlsDidNotSayIsNoEndOfAnAnswer) {
  std::atomic<bool> says{false};
  RawApp app(tls_app([&](TlsAppConn& conn) {
    conn.read_until("\r\n\r\n");
    conn.send("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nto the end");
    if (says) conn.say_whole();
  }));
  begin(app);
  const std::string last_chunk = "\r\n0\r\n\r\n";
  RawConn cut = client();
  cut.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_FALSE(has(cut.read_all(), last_chunk));
  says = true;
  RawConn whole = client();
  whole.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_TRUE(has(whole.read_until(last_chunk), last_chunk));
}

TEST_F(AppTlsTest, ATunnelPassesBothWaysAndEachSideEndsByItself) {
  RawApp app(tls_app([](TlsAppConn& conn) {
    conn.read_until("\r\n\r\n");
    conn.send("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n");
    conn.send("got " + conn.read_until("end of the question"));
    conn.read_until("never");  // the client's end
    conn.send(" and the end");
    conn.say_whole();
  }));
  begin(app);
  RawConn conn = client();
  conn.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n");
  conn.read_until("\r\n\r\n");
  conn.send("end of the question");
  EXPECT_EQ(conn.read_until("question"), "got end of the question");
  conn.half_close();
  EXPECT_EQ(conn.read_all(), " and the end");
}

}  // namespace
}  // namespace sidestep::test
