// Probes against raw sockets on loopback; the loop is turned until the answer is there.
#include "sidecar/io/prober.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <optional>

#include "lib/loop/socket.h"
#include "tests/support/tls_app.h"

namespace sidestep::sidecar {
namespace {

using test::RawApp;
using test::tls_app;
using test::TlsAppConn;

class ProberTest : public ::testing::Test {
 protected:
  ProberTest()
      : prober_(loop_, [this](Generation, HealthChange change, const std::string& why) {
          changes_.push_back(change);
          why_ = why;
        }) {
    listener_ = std::move(*listen_tcp("127.0.0.1", 0));
    readiness_.kind = policy::ProbeKind::kHttpGet;
    readiness_.path = "/readyz";
    readiness_.timeout = Millis{100};
    readiness_.period = Millis{10};
  }
  template <typename Condition>
  bool turn_until(Condition condition) {
    for (int i = 0; i < 400; ++i) {
      if (condition()) return true;
      loop_.run_once(Millis{5});
    }
    return false;
  }
  void watch() { prober_.watch(Generation{1}, AppAddress{local_port(listener_.get()), {}}, readiness_); }
  // Takes one probe's connection and answers it.
  std::string answer_one(const std::string& answer) {
    UniqueFd client;
    EXPECT_TRUE(turn_until([&] { return static_cast<bool>(client = accept_connection(listener_.get())); }));
    char buffer[512];
    ssize_t got = -1;
    EXPECT_TRUE(
        turn_until([&] { return (got = ::recv(client.get(), buffer, sizeof buffer, MSG_DONTWAIT)) > 0; }));
    EXPECT_EQ(::send(client.get(), answer.data(), answer.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(answer.size()));
    return std::string(buffer, static_cast<std::size_t>(got));
  }

  EventLoop loop_;
  UniqueFd listener_;
  policy::Readiness readiness_;
  std::vector<HealthChange> changes_;
  std::string why_;
  Prober prober_;
};

TEST_F(ProberTest, ARequestIsAPlainGetAndA2xxIsReady) {
  watch();
  const std::string request = answer_one("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n");
  EXPECT_EQ(request.rfind("GET /readyz HTTP/1.1\r\nHost: 127.0.0.1:", 0), 0U);
  ASSERT_TRUE(turn_until([&] { return !changes_.empty(); }));
  EXPECT_EQ(changes_[0], HealthChange::kBecameReady);
}

TEST_F(ProberTest, A503AndGarbageAndSilenceAreNotReady) {
  readiness_.failure_threshold = 1;
  watch();
  answer_one("HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n");
  ASSERT_TRUE(turn_until([&] { return !prober_.last_failure(Generation{1}).empty(); }));
  EXPECT_EQ(prober_.last_failure(Generation{1}), "GET /readyz answered 503");
  answer_one("SSH-2.0-x\r\n\r\n");
  ASSERT_TRUE(
      turn_until([&] { return prober_.last_failure(Generation{1}).find("HTTP") != std::string::npos; }));
  ASSERT_TRUE(turn_until([&] { return prober_.last_failure(Generation{1}) == "no answer within 100 ms"; }));
  EXPECT_TRUE(changes_.empty());
}

TEST_F(ProberTest, ARefusedConnectIsTriedAgainAtOnce) {
  const std::uint16_t port = local_port(listener_.get());
  listener_.reset();
  prober_.watch(Generation{1}, AppAddress{port, {}}, policy::Readiness{});
  ASSERT_TRUE(turn_until([&] { return prober_.was_refused(Generation{1}); }));
  listener_ = std::move(*listen_tcp("127.0.0.1", port));
  ASSERT_TRUE(turn_until([&] { return !changes_.empty(); }));
  EXPECT_EQ(changes_[0], HealthChange::kBecameReady);
}

// No descriptor of this process can be opened as long as it lives.
class OutOfDescriptors {
 public:
  OutOfDescriptors() {
    getrlimit(RLIMIT_NOFILE, &before_);
    const rlimit none{0, before_.rlim_max};
    setrlimit(RLIMIT_NOFILE, &none);
  }
  ~OutOfDescriptors() { setrlimit(RLIMIT_NOFILE, &before_); }

 private:
  rlimit before_{};
};

TEST_F(ProberTest, WithoutADescriptorTheAppStaysWhatItWas) {
  readiness_.failure_threshold = 1;
  watch();
  answer_one("HTTP/1.1 204 No Content\r\n\r\n");
  ASSERT_TRUE(turn_until([&] { return !changes_.empty(); }));
  {
    const OutOfDescriptors none;
    for (int i = 0; i < 10; ++i) loop_.run_once(Millis{5});
  }
  EXPECT_EQ(changes_.size(), 1U);
  answer_one("HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n");  // it is asked again
  ASSERT_TRUE(turn_until([&] { return changes_.size() == 2; }));
  EXPECT_EQ(changes_[1], HealthChange::kBecameUnready);
}

TEST_F(ProberTest, AnAppThatAsksForACertificateIsNamed) {
  RawApp app(tls_app([](TlsAppConn& conn) { conn.read_until("never"); },
                     front::make_certificate("authority", "").chain));
  front::TlsClientSettings settings;
  settings.trust = front::TlsClientSettings::Trust::kNothing;
  const front::TlsClientPtr terms = *front::TlsClient::make(settings);
  prober_.secure({terms, terms});
  readiness_.timeout = Seconds{5};
  prober_.watch(Generation{1}, AppAddress{app.port(), {}}, readiness_);
  const auto why = [&] { return prober_.last_failure(Generation{1}); };
  EXPECT_TRUE(turn_until([&] { return why().find("certificate required") != std::string::npos; })) << why();
  EXPECT_TRUE(prober_.failed_tls(Generation{1}));
}

TEST_F(ProberTest, WhereConnectionsBeginWithAProxyHeaderTheProbeSpeaksForItself) {
  const AppAddress address{local_port(listener_.get()), {}};
  const std::string local("\r\n\r\n\0\r\nQUIT\n\x20\x00\x00\x00", 16);
  for (const auto& [version, header] :
       {std::pair{AppProxyProtocol::kV1, std::string("PROXY UNKNOWN\r\n")}, {AppProxyProtocol::kV2, local}}) {
    for (const policy::ProbeKind kind : {policy::ProbeKind::kHttpGet, policy::ProbeKind::kTcpSocket}) {
      readiness_.kind = kind;
      bool ready = false;
      Prober prober(loop_, [&](Generation, HealthChange, const std::string&) { ready = true; }, version);
      prober.watch(Generation{1}, address, readiness_);
      const std::string said = answer_one("HTTP/1.1 204 No Content\r\n\r\n");
      EXPECT_TRUE(turn_until([&] { return ready; }));
      EXPECT_EQ(said.substr(0, header.size()), header);
      const bool asks = kind == policy::ProbeKind::kHttpGet;
      EXPECT_EQ(said.substr(header.size(), 12), asks ? "GET /readyz " : "");
      prober.unwatch(Generation{1});
    }
  }
}

TEST_F(ProberTest, NothingIsReportedAfterUnwatch) {
  watch();
  turn_until([&] { return false; });
  prober_.unwatch(Generation{1});
  EXPECT_FALSE(prober_.is_watched(Generation{1}));
  loop_.run_once(Millis{5});
  EXPECT_TRUE(changes_.empty());
}

}  // namespace
}  // namespace sidestep::sidecar
