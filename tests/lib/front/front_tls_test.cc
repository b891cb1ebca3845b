// A Front that speaks TLS, with a certificate that lib/front made; client and server in one thread.
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <cerrno>

#include "lib/front/front.h"
#include "lib/front/tls_make.h"

namespace sidestep::front {
namespace {

const WallTime kNow = system_clock().wall();

TlsServerPtr terms_of(const CertificatePem& pair) {
  TlsServerSettings settings;
  settings.certificates = {*TlsCertificate::from_pem(pair.certificate, pair.key)};
  return *TlsServer::make(std::move(settings));
}

class FrontTlsTest : public ::testing::Test {
 protected:
  FrontTlsTest() {
    authority_ = make_authority("Authority", kNow, Seconds{86'400});
    terms_ = terms_of(*make_server_certificate(authority_, {"a.ns.svc", "127.0.0.1"}, kNow, Seconds{3'600}));
    Settings settings;
    settings.tls = [this] { return terms_; };
    settings.answer_here = [](const Request& request, const Principal&) {
      return Reply{
          200,
          {},
          request.target + " " + std::to_string(request.body.size()) + " " + std::string(100'000, 'x')};
    };
    front_ = std::make_unique<Front>(loop_, std::move(settings));
    UniqueFd listener = *listen_tcp("127.0.0.1", 0);
    port_ = local_port(listener.get());
    front_->serve(std::move(listener), false);
    fd_ = *connect_tcp("127.0.0.1", port_);
    set_no_delay(fd_.get());
  }

  void pass() {
    if (!buffers_.sealed.empty())
      send(fd_.get(), buffers_.sealed.data(), buffers_.sealed.size(), MSG_NOSIGNAL);
    buffers_.sealed.clear();
    for (int i = 0; i < 20; ++i) loop_.run_once(Millis(0));
  }
  TlsSession::Handshake shake(const std::string& name) {
    TlsClientSettings settings;
    settings.trust = TlsClientSettings::Trust::kGiven;
    settings.ca = authority_.certificate;
    settings.name = name;
    client_ = TlsSession::connect(*TlsClient::make(settings), buffers_);
    auto state = TlsSession::Handshake::kMore;
    for (int i = 0; i < 10 && state == TlsSession::Handshake::kMore; ++i) {
      state = client_->shake(fd_.get());
      pass();
    }
    return state;
  }
  std::string read() {
    std::string text;
    std::vector<char> room(65'536);
    for (int i = 0; i < 100; ++i) {
      const ssize_t got = client_->recv(fd_.get(), room.data(), room.size());
      if (got > 0) text.append(room.data(), static_cast<std::size_t>(got));
      if (got == 0) return text + "<end>";
      pass();
    }
    return text;
  }

  EventLoop loop_;
  CertificatePem authority_;
  TlsServerPtr terms_;
  std::unique_ptr<Front> front_;
  std::uint16_t port_ = 0;
  UniqueFd fd_;
  TlsBuffers buffers_;
  std::unique_ptr<TlsSession> client_;
};

TEST_F(FrontTlsTest, RequestAndALargeAnswerPassWhole) {
  ASSERT_EQ(shake("a.ns.svc"), TlsSession::Handshake::kDone);
  ASSERT_TRUE(client_->seal(
                  "POST /inject HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nConnection: close\r\n\r\nabc") &&
              client_->seal_end());
  pass();
  const std::string answer = read();
  EXPECT_EQ(answer.substr(0, 15), "HTTP/1.1 200 OK");
  EXPECT_NE(answer.find("\r\n\r\n/inject 3 xxx"), answer.npos);
  EXPECT_TRUE(answer.ends_with("xxx<end>"));
}

TEST_F(FrontTlsTest, ClientThatDoesNotKnowTheNameLeaves) {
  EXPECT_EQ(shake("b.ns.svc"), TlsSession::Handshake::kFailed);
}

TEST_F(FrontTlsTest, PlainBytesAreCountedAndTheConnectionEnds) {
  const std::string plain = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
  ASSERT_EQ(send(fd_.get(), plain.data(), plain.size(), MSG_NOSIGNAL), static_cast<ssize_t>(plain.size()));
  pass();
  EXPECT_EQ(front_->refusals().at("tls_failed"), 1u);
  EXPECT_EQ(front_->connections(), 0u);
}

TEST_F(FrontTlsTest, WithoutACertificateNobodyIsLetIn) {
  terms_ = nullptr;
  pass();
  EXPECT_EQ(front_->refusals().at("no_certificate"), 1u);
}

TEST(TlsMake, KeysOfAnotherAuthorityAndBrokenTextAreRefused) {
  const CertificatePem one = make_authority("one", kNow, Seconds{60}),
                       two = make_authority("two", kNow, Seconds{60});
  EXPECT_FALSE(make_server_certificate({one.certificate, two.key}, {"a"}, kNow, Seconds{60}));
  EXPECT_FALSE(make_server_certificate({"x", "y"}, {"a"}, kNow, Seconds{60}));
}

}  // namespace
}  // namespace sidestep::front
