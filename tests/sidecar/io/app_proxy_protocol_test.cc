// PROXY headers towards raw apps: their bytes, whose requests a connection serves, and when it ends.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <future>

#include "tests/support/h2_client.h"
#include "tests/support/plane_fixture.h"

namespace sidestep::test {
namespace {

using sidecar::AppProxyProtocol;

constexpr std::string_view kFine = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

std::uint16_t port_of(const RawConn& conn) { return local_port(conn.fd()); }

class AppProxyProtocolTest : public PlaneTest {
 protected:
  AppProxyProtocolTest() { options_.app_proxy_protocol = AppProxyProtocol::kV1; }

  // Says what each connection began with, and answers each request with what its connection began with.
  RawApp::Handler told() {
    return [this](RawConn& conn) {
      const std::string header = conn.read_until("\r\n");
      {
        const std::lock_guard lock(mutex_);
        headers_.push_back(header);
      }
      while (has(conn.read_message(), "\r\n\r\n")) {
        conn.send("HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(header.size()) + "\r\n\r\n" + header);
      }
      ++ended_;
    };
  }
  std::string header_of(const RawConn& client) const {
    return "PROXY TCP4 127.0.0.1 127.0.0.1 " + std::to_string(port_of(client)) + " " + std::to_string(port_) +
           "\r\n";
  }
  static std::string ask(RawConn& client, const std::string& method = "GET") {
    client.send(method + " / HTTP/1.1\r\nHost: a\r\n\r\n");
    const std::string answer = client.read_message();
    return answer.substr(answer.find("\r\n\r\n") + 4);
  }

  std::mutex mutex_;
  std::vector<std::string> headers_;  // guarded by mutex_
  std::atomic<int> ended_{0};
};

TEST_F(AppProxyProtocolTest, Version1StandsBeforeTheHeadAndNamesTheClient) {
  std::promise<std::string> seen;
  RawApp app([&](RawConn& conn) {
    seen.set_value(conn.read_until("\r\n\r\n"));
    conn.send(kFine);
    conn.read_all();
  });
  start(active(1, app));
  RawConn one = client();
  EXPECT_EQ(ask(one), "ok");
  const std::string bytes = seen.get_future().get();
  EXPECT_TRUE(bytes.starts_with(header_of(one) + "GET / HTTP/1.1\r\n")) << bytes;
}

TEST_F(AppProxyProtocolTest, Version2StandsBeforeTheHeadAndNamesTheClient) {
  options_.app_proxy_protocol = AppProxyProtocol::kV2;
  std::promise<std::string> seen;
  RawApp app([&](RawConn& conn) {
    const std::string header = conn.read_bytes(28);
    seen.set_value(header + conn.read_until("\r\n\r\n"));
    conn.send(kFine);
    conn.read_all();
  });
  start(active(1, app));
  RawConn one = client();
  EXPECT_EQ(ask(one), "ok");
  std::string header("\r\n\r\n\0\r\nQUIT\n\x21\x11\x00\x0c\x7f\x00\x00\x01\x7f\x00\x00\x01", 24);
  for (const int port : {int{port_of(one)}, int{port_}})
    header.append({static_cast<char>(port >> 8), static_cast<char>(port & 0xff)});
  const std::string bytes = seen.get_future().get();
  EXPECT_EQ(bytes.substr(0, 28), header);
  EXPECT_TRUE(bytes.substr(28).starts_with("GET / HTTP/1.1\r\n")) << bytes;
}

TEST_F(AppProxyProtocolTest, AConnectionServesItsClientAgainAndNoOther) {
  RawApp app(told());
  start(active(1, app));
  RawConn one = client();
  RawConn two = client();
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(ask(one), header_of(one));
    EXPECT_EQ(ask(two, "POST"), header_of(two));
  }
  EXPECT_EQ(app.connections(), 2);
}

TEST_F(AppProxyProtocolTest, AConnectionEndsWithItsClient) {
  options_.limits.app_idle_timeout = Millis{60'000};
  RawApp app(told());
  start(active(1, app));
  RawConn stays = client();
  EXPECT_EQ(ask(stays), header_of(stays));
  {
    RawConn leaves = client();
    EXPECT_EQ(ask(leaves), header_of(leaves));
  }
  EXPECT_TRUE(wait([&] { return ended_ == 1; }));
  RawConn says_so = client();
  says_so.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  says_so.half_close();
  EXPECT_TRUE(has(says_so.read_all(), header_of(says_so)));
  EXPECT_TRUE(wait([&] { return ended_ == 2; }));
  EXPECT_EQ(ask(stays), header_of(stays));
  EXPECT_EQ(app.connections(), 3);
}

TEST_F(AppProxyProtocolTest, AClientThatWasSilentKeepsItsConnectionAndItsHeader) {
  RawApp app(told());
  start(active(1, app));
  RawConn one = client();
  EXPECT_EQ(ask(one), header_of(one));
  // Beyond the time after which a silent client is kept in fewer bytes.
  const auto later = std::chrono::steady_clock::now() + std::chrono::milliseconds(1'200);
  EXPECT_TRUE(wait([&] { return std::chrono::steady_clock::now() > later; }));
  EXPECT_EQ(ask(one), header_of(one));
  EXPECT_EQ(app.connections(), 1);
}

TEST_F(AppProxyProtocolTest, AnIdleConnectionMakesRoomForAnotherClients) {
  options_.limits.app_max_connections = 1;
  options_.limits.app_idle_timeout = Millis{60'000};
  RawApp app(told());
  start(active(1, app));
  RawConn one = client();
  RawConn two = client();
  EXPECT_EQ(ask(one), header_of(one));
  EXPECT_EQ(ask(two), header_of(two));
  EXPECT_EQ(ask(one), header_of(one));
  EXPECT_EQ(app.connections(), 3);
}

TEST_F(AppProxyProtocolTest, WhoWaitsForTheOnlyConnectionGetsOneOfItsOwn) {
  options_.limits.app_max_connections = 1;
  std::promise<void> both_ask;
  std::atomic<int> asked{0};
  RawApp app([&](RawConn& conn) {
    const std::string header = conn.read_until("\r\n");
    conn.read_message();
    if (asked++ == 0) both_ask.get_future().wait();
    conn.send("HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(header.size()) + "\r\n\r\n" + header);
    conn.read_all();
  });
  start(active(1, app));
  RawConn one = client();
  RawConn two = client();
  one.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_TRUE(wait([&] { return asked == 1; }));
  two.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_TRUE(wait([&] { return plane_->counters().held_total == 1; }));
  both_ask.set_value();
  EXPECT_TRUE(has(one.read_message(), header_of(one)));
  EXPECT_TRUE(has(two.read_message(), header_of(two)));
}

TEST_F(AppProxyProtocolTest, ARequestThatIsSentAgainIsIntroducedAgain) {
  std::atomic<int> connections{0};
  RawApp app([&](RawConn& conn) {
    const std::string header = conn.read_until("\r\n");
    conn.read_message();
    if (connections++ == 0) return;  // closes without an answer
    conn.send("HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(header.size()) + "\r\n\r\n" + header);
    conn.read_all();
  });
  start(active(1, app));
  RawConn one = client();
  EXPECT_EQ(ask(one), header_of(one));
  EXPECT_EQ(connections, 2);
}

TEST_F(AppProxyProtocolTest, RequestsOfOneHttp2ClientNameItOnEachConnection) {
  std::promise<void> all_asked;
  const std::shared_future<void> go = all_asked.get_future().share();
  std::atomic<int> asked{0};
  RawApp app([&](RawConn& conn) {
    const std::string header = conn.read_until("\r\n");
    {
      const std::lock_guard lock(mutex_);
      headers_.push_back(header);
    }
    conn.read_message();
    if (++asked == 3) all_asked.set_value();
    go.wait();
    conn.send(kFine);
    conn.read_all();
  });
  start(active(1, app));
  RawConn conn = client();
  const std::string header = header_of(conn);
  H2Client one(std::move(conn));
  std::vector<H2Answer*> answers;
  for (int i = 0; i < 3; ++i) answers.push_back(&one.ask("GET", "/"));
  EXPECT_TRUE(one.wait([&] {
    return std::all_of(answers.begin(), answers.end(), [](const H2Answer* a) { return a->ended; });
  }));
  for (const H2Answer* answer : answers) EXPECT_EQ(answer->body, "ok");
  const std::lock_guard lock(mutex_);
  EXPECT_EQ(headers_, std::vector<std::string>(3, header));
}

TEST_F(AppProxyProtocolTest, AfterASwitchTheNextGenerationIsToldAnew) {
  RawApp first(told());
  RawApp second(told());
  start(active(1, first));
  RawConn one = client();
  EXPECT_EQ(ask(one), header_of(one));
  publish(active(2, second));
  EXPECT_TRUE(wait_idle(1));
  EXPECT_EQ(ask(one), header_of(one));
  EXPECT_EQ(second.connections(), 1);
}

}  // namespace
}  // namespace sidestep::test
