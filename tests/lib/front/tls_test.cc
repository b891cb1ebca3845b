// A server and a client of ours, joined by a socket pair: handshakes, names, tickets, identities, ends.
#include "lib/front/tls.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/ssl.h>
#include <sys/socket.h>

#include <cerrno>
#include <vector>

#include "lib/front/tls_session.h"
#include "lib/loop/socket.h"
#include "tests/lib/front/made_certificate.h"

namespace sidestep::front {
namespace {

using testing::HasSubstr;
using testing::StartsWith;
using Handshake = TlsSession::Handshake;

TlsCertificatePtr loaded(const MadeCertificate& made) {
  return *TlsCertificate::from_pem(made.chain, made.key);
}

const MadeCertificate& authority() {
  static const MadeCertificate kMade = make_certificate("Authority", "");
  return kMade;
}
const MadeCertificate& server_pair() {
  static const MadeCertificate kMade =
      make_certificate("one", "DNS:one.example,DNS:*.one.example", &authority());
  return kMade;
}
const MadeCertificate& client_pair() {
  static const MadeCertificate kMade =
      make_certificate("robot, \"7\"", "URI:spiffe://cluster/ns/a,DNS:robot.example", &authority());
  return kMade;
}

TlsServerSettings server_settings() {
  TlsServerSettings settings;
  settings.certificates = {loaded(server_pair())};
  return settings;
}

TlsClientSettings client_settings(const std::string& name = "one.example") {
  TlsClientSettings settings;
  settings.trust = TlsClientSettings::Trust::kGiven;
  settings.ca = authority().chain;
  settings.name = name;
  return settings;
}

// One connection, both ends in one thread.
class Joined {
 public:
  Joined(const TlsServerPtr& server, const TlsClientPtr& client)
      : server_(TlsSession::accept(server, buffers_)), client_(TlsSession::connect(client, buffers_)) {
    auto pair = socket_pair(SOCK_STREAM);
    server_fd_ = std::move(pair->first);
    client_fd_ = std::move(pair->second);
  }

  // What the server's and the client's last step said.
  std::pair<Handshake, Handshake> shake() {
    Handshake at_server = Handshake::kMore;
    Handshake at_client = Handshake::kMore;
    for (int i = 0; i < 10; ++i) {
      if (at_client == Handshake::kMore) at_client = step(*client_, client_fd_);
      if (at_server == Handshake::kMore) at_server = step(*server_, server_fd_);
    }
    return {at_server, at_client};
  }
  bool succeeds() { return shake() == std::pair(Handshake::kDone, Handshake::kDone); }

  void pass(const UniqueFd& fd) {
    if (!buffers_.sealed.empty()) {
      EXPECT_EQ(::send(fd.get(), buffers_.sealed.data(), buffers_.sealed.size(), MSG_NOSIGNAL),
                static_cast<ssize_t>(buffers_.sealed.size()));
    }
    buffers_.sealed.clear();
  }
  void from_server(std::initializer_list<std::string_view> pieces) {
    for (const std::string_view piece : pieces) EXPECT_TRUE(server_->seal(piece));
    EXPECT_TRUE(server_->seal_end());
    last_sealed_ = buffers_.sealed.size();
    pass(server_fd_);
  }
  void from_client(std::string_view text) {
    EXPECT_TRUE(client_->seal(text) && client_->seal_end());
    pass(client_fd_);
  }
  // "EAGAIN", "end", "broken", or the bytes.
  static std::string read(TlsSession& session, const UniqueFd& fd) {
    std::vector<char> room(65'536);
    const ssize_t count = session.recv(fd.get(), room.data(), room.size());
    if (count > 0) return {room.data(), static_cast<std::size_t>(count)};
    return count == 0 ? "end" : errno == EAGAIN ? "EAGAIN" : "broken";
  }
  std::string at_server() { return read(*server_, server_fd_); }
  std::string at_client() { return read(*client_, client_fd_); }

  static Handshake step(TlsSession& session, const UniqueFd& fd, TlsBuffers& buffers) {
    const Handshake state = session.shake(fd.get());
    if (!buffers.sealed.empty()) ::send(fd.get(), buffers.sealed.data(), buffers.sealed.size(), MSG_NOSIGNAL);
    buffers.sealed.clear();
    return state;
  }
  Handshake step(TlsSession& session, const UniqueFd& fd) { return step(session, fd, buffers_); }

  TlsBuffers buffers_;
  std::unique_ptr<TlsSession> server_, client_;
  UniqueFd server_fd_, client_fd_;
  std::size_t last_sealed_ = 0;
};

Joined joined(TlsServerSettings server = server_settings(),
              const TlsClientSettings& client = client_settings()) {
  return Joined(*TlsServer::make(std::move(server)), *TlsClient::make(client));
}

TEST(TlsTest, BytesPassBothWaysAndNothingWaitsInside) {
  Joined both = joined();
  ASSERT_TRUE(both.succeeds());
  both.from_client("question");
  EXPECT_EQ(both.at_server(), "question");
  EXPECT_EQ(both.at_server(), "EAGAIN");
  const std::string large(40'000, 'x');
  both.from_server({"head", large, "tail"});
  EXPECT_EQ(both.at_client(), "head" + large + "tail");
  EXPECT_EQ(both.at_client(), "EAGAIN");
}

TEST(TlsTest, MuchThatComesWithTheEndOfTheHandshakeIsReadWhole) {
  Joined both = joined();
  both.step(*both.client_, both.client_fd_);
  both.step(*both.server_, both.server_fd_);
  ASSERT_EQ(both.step(*both.client_, both.client_fd_), Handshake::kDone);
  const std::string large(120'000, 'x');
  both.from_client("head");
  both.from_client(large);
  ASSERT_EQ(both.step(*both.server_, both.server_fd_), Handshake::kDone);
  std::string got;
  for (std::string part; (part = both.at_server()) != "EAGAIN";) {
    ASSERT_TRUE(part != "broken" && part != "end") << got.size();
    got += part;
  }
  EXPECT_EQ(got, "head" + large);
}

TEST(TlsTest, PiecesLeaveInRecordsAsLargeAsPossible) {
  Joined both = joined();
  ASSERT_TRUE(both.succeeds());
  const std::string body(3 * TlsSession::kRecord - 4, 'x');
  both.from_server({"he", "ad", body});
  EXPECT_EQ(both.last_sealed_, 3 * (TlsSession::kRecord + 22)) << "three records of TLS 1.3";
  const std::string first = both.at_client();
  EXPECT_EQ(first + both.at_client(), "head" + body) << "what does not fit the room comes with the next call";
}

TEST(TlsTest, AnEndThatWasSaidIsAnEndAndOneThatWasNotIsBroken) {
  Joined said = joined();
  ASSERT_TRUE(said.succeeds());
  said.client_->end();
  said.pass(said.client_fd_);
  EXPECT_EQ(said.at_server(), "end");

  Joined cut = joined();
  ASSERT_TRUE(cut.succeeds());
  cut.client_fd_.reset();
  EXPECT_EQ(cut.at_server(), "broken");
}

TEST(TlsTest, AnEndThatCameWithBytesIsReportedByTheSocketOnceMore) {
  Joined both = joined();
  ASSERT_TRUE(both.succeeds());
  EXPECT_TRUE(both.client_->seal("last words") && both.client_->seal_end());
  both.client_->end();
  both.pass(both.client_fd_);
  EXPECT_EQ(both.at_server(), "last words");
  char byte = 0;
  EXPECT_EQ(::recv(both.server_fd_.get(), &byte, 1, MSG_DONTWAIT | MSG_PEEK), 0) << "readable for the loop";
  EXPECT_EQ(both.at_server(), "end");
}

TEST(TlsTest, AnIdleSessionIsStaleOnceSomethingCameOrTheOtherSideLeft) {
  Joined both = joined();
  ASSERT_TRUE(both.succeeds());
  EXPECT_FALSE(both.client_->is_stale(both.client_fd_.get()));
  both.from_server({"unasked"});
  EXPECT_TRUE(both.client_->is_stale(both.client_fd_.get()));
  Joined left = joined();
  ASSERT_TRUE(left.succeeds());
  left.server_fd_.reset();
  EXPECT_TRUE(left.client_->is_stale(left.client_fd_.get()));
}

TEST(TlsTest, TheCertificateIsChosenByTheNameThatIsAskedFor) {
  TlsServerSettings settings = server_settings();
  settings.certificates.push_back(loaded(make_certificate("two", "DNS:two.example", &authority())));
  EXPECT_TRUE(joined(settings, client_settings("one.example")).succeeds());
  EXPECT_TRUE(joined(settings, client_settings("x.one.example")).succeeds());
  EXPECT_TRUE(joined(settings, client_settings("two.example")).succeeds());
  Joined unknown = joined(settings, client_settings("three.example"));
  EXPECT_EQ(unknown.shake().second, Handshake::kFailed);
  EXPECT_THAT(unknown.client_->why(), HasSubstr("mismatch"));
}

class TlsTicketTest : public ::testing::Test {
 protected:
  // Whether a session that began under `first` goes on under `second`, as between two shards, or after a
  // renewal.
  static bool resumes(std::vector<TicketKey> first, std::vector<TicketKey> second,
                      const std::string& ca = {}) {
    SSL_CTX* context = SSL_CTX_new(TLS_client_method());
    SSL_SESSION* session = nullptr;
    bool resumed = false;
    for (auto* keys : {&first, &second}) {
      TlsServerSettings settings = server_settings();
      settings.tickets = *keys;
      if (keys == &second && !ca.empty()) settings.client_ca = ca, settings.client_required = false;
      resumed = exchange(*TlsServer::make(settings), context, &session);
    }
    SSL_SESSION_free(session);
    SSL_CTX_free(context);
    return resumed;
  }

 private:
  // With OpenSSL as the client, which remembers sessions.
  static bool exchange(const TlsServerPtr& terms, SSL_CTX* context, SSL_SESSION** session) {
    TlsBuffers buffers;
    auto pair = socket_pair(SOCK_STREAM);
    const auto server = TlsSession::accept(terms, buffers);
    SSL* client = SSL_new(context);
    SSL_set_fd(client, pair->second.get());
    if (*session != nullptr) SSL_set_session(client, *session);
    Handshake state = Handshake::kMore;
    for (int i = 0; i < 10; ++i) {
      if (SSL_in_init(client) != 0) SSL_connect(client);
      if (state == Handshake::kMore) state = Joined::step(*server, pair->first, buffers);
    }
    char byte = 0;
    SSL_read(client, &byte, 1);  // the ticket
    SSL_SESSION_free(*session);
    *session = SSL_get1_session(client);
    EXPECT_EQ(state, Handshake::kDone);
    const bool resumed = server->was_resumed();
    EXPECT_EQ(SSL_session_reused(client) == 1, resumed);
    SSL_set_shutdown(client, SSL_SENT_SHUTDOWN);  // a session that was cut is not resumed
    SSL_free(client);
    return resumed;
  }
};

TEST_F(TlsTicketTest, SessionsGoOnWhereTheKeysAreTheSameAndAfterARenewal) {
  const TicketKey one = random_ticket_key();
  const TicketKey two = random_ticket_key();
  EXPECT_TRUE(resumes({one}, {one}));
  EXPECT_TRUE(resumes({one}, {two, one}));
  EXPECT_FALSE(resumes({one}, {two})) << "a key that was dropped opens nothing";
  EXPECT_FALSE(resumes({}, {one}));
}

TEST_F(TlsTicketTest, NoSessionGoesOnUnderOtherRulesForClients) {
  const TicketKey key = random_ticket_key();
  EXPECT_FALSE(resumes({key}, {key}, authority().chain));
}

TEST_F(TlsTicketTest, AClientGoesOnUnderTheSameTermsAloneEvenAfterAnEndWithoutAWord) {
  TlsServerSettings settings = server_settings();
  settings.tickets = {random_ticket_key()};
  const TlsServerPtr server = *TlsServer::make(settings);
  const TlsClientPtr client = *TlsClient::make(client_settings());
  TlsResumption resumption;
  const auto resumes_with = [&](const TlsClientPtr& terms) {
    Joined both(server, terms);
    both.client_ = TlsSession::connect(terms, both.buffers_, &resumption);
    EXPECT_TRUE(both.succeeds());
    both.from_server({"answer"});
    EXPECT_EQ(both.at_client(), "answer");  // and the ticket
    both.server_fd_.reset();
    EXPECT_EQ(both.at_client(), "broken");
    return both.client_->was_resumed();
  };
  EXPECT_FALSE(resumes_with(client));
  EXPECT_TRUE(resumes_with(client));
  EXPECT_TRUE(resumes_with(client));
  EXPECT_FALSE(resumes_with(*TlsClient::make(client_settings()))) << "the authorities may be others";
}

TEST(TlsTest, AServerThatIsNotTrustedIsTold) {
  TlsClientSettings settings = client_settings();
  settings.ca = make_certificate("another", "").chain;
  Joined both = joined(server_settings(), settings);
  EXPECT_EQ(both.shake(), std::pair(Handshake::kFailed, Handshake::kFailed));
  EXPECT_TRUE(both.client_->is_untrusted());
  EXPECT_THAT(both.client_->why(), HasSubstr("certificate verify failed"));
  EXPECT_FALSE(both.server_->is_untrusted());
}

TEST(TlsTest, AMachineWithoutAuthoritiesIsNamedAtOnce) {
  TlsClientSettings settings;
  settings.trust = TlsClientSettings::Trust::kSystem;
  ::setenv("SSL_CERT_FILE", "/nowhere/cert.pem", 1);  // openssl-env(7)
  const Result<TlsClientPtr> made = TlsClient::make(settings);
  ::unsetenv("SSL_CERT_FILE");
  ASSERT_FALSE(made);
  EXPECT_THAT(made.error().detail, HasSubstr("install them (ca-certificates)"));
}

TEST(TlsTest, AnAddressIsVerifiedAsOne) {
  const auto trusts = [](const std::string& names) {
    TlsServerSettings settings;
    settings.certificates = {loaded(make_certificate("one", names, &authority()))};
    return joined(settings, client_settings("127.0.0.1")).succeeds();
  };
  EXPECT_TRUE(trusts("IP:127.0.0.1"));
  EXPECT_FALSE(trusts("DNS:127.0.0.1"));
}

class TlsClientCertificateTest : public ::testing::Test {
 protected:
  static TlsServerSettings asking(bool required) {
    TlsServerSettings settings = server_settings();
    settings.client_ca = authority().chain;
    settings.client_required = required;
    return settings;
  }
  static TlsClientSettings showing(const MadeCertificate& made) {
    TlsClientSettings settings = client_settings();
    settings.certificate = loaded(made);
    return settings;
  }
};

TEST_F(TlsClientCertificateTest, ItsIdentityIsGivenInEnvoysFormat) {
  Joined both = joined(asking(true), showing(client_pair()));
  ASSERT_TRUE(both.succeeds()) << both.server_->why();
  EXPECT_THAT(both.server_->identity(), StartsWith("Hash="));
  EXPECT_THAT(both.server_->identity(),
              HasSubstr(R"(;Subject="CN=robot\\, \\\"7\\\"";URI=spiffe://cluster/ns/a;DNS=robot.example)"));
}

TEST_F(TlsClientCertificateTest, WithoutOneNobodyIsLetInWhereItIsRequired) {
  Joined both = joined(asking(true));
  EXPECT_EQ(both.shake().first, Handshake::kFailed);
  EXPECT_THAT(both.server_->why(), HasSubstr("did not return a certificate"));
}

TEST_F(TlsClientCertificateTest, WithoutOneThereIsNoIdentityWhereItIsOptional) {
  Joined both = joined(asking(false));
  ASSERT_TRUE(both.succeeds());
  EXPECT_EQ(both.server_->identity(), "");
}

TEST_F(TlsClientCertificateTest, OneOfAnotherAuthorityIsRefusedAlsoWhereItIsOptional) {
  const MadeCertificate stranger = make_certificate("robot", "");
  EXPECT_EQ(joined(asking(false), showing(stranger)).shake().first, Handshake::kFailed);
  const MadeCertificate late = make_certificate("robot", "", &authority(), -9, -1);
  EXPECT_EQ(joined(asking(false), showing(late)).shake().first, Handshake::kFailed);
}

TEST_F(TlsClientCertificateTest, ANameThatNoFieldMayHoldIsRefused) {
  const MadeCertificate odd = make_certificate("robot", std::string("URI:x\x01y"), &authority());
  Joined both = joined(asking(true), showing(odd));
  EXPECT_EQ(both.shake().first, Handshake::kFailed);
  EXPECT_THAT(both.server_->why(), HasSubstr("no field may hold"));
}

TEST(TlsCertificateTest, APairThatDoesNotFitIsRefusedWithTheReason) {
  const MadeCertificate one = make_certificate("one", "DNS:one.example");
  const MadeCertificate two = make_certificate("two", "DNS:two.example");
  EXPECT_THAT(TlsCertificate::from_pem(one.chain, two.key).error().detail, HasSubstr("is not that of"));
  EXPECT_THAT(TlsCertificate::from_pem("nothing", two.key).error().detail, HasSubstr("no certificate"));
  EXPECT_THAT(TlsCertificate::from_pem(one.chain, "nothing").error().detail, HasSubstr("no private key"));
  EXPECT_EQ((*TlsCertificate::from_pem(one.chain + one.key, one.chain + one.key))->names(),
            std::vector<std::string>{"one.example"});
}

TEST(TlsCertificateTest, OneThatClientsWouldNotAcceptIsToldFromOneThatTheyDo) {
  const WallTime begin{std::chrono::hours(100)};
  const WallTime end{std::chrono::hours(200)};
  const auto second = std::chrono::seconds(1);
  EXPECT_EQ(judge(begin, end, begin), CertificateVerdict::kUse);
  EXPECT_EQ(judge(begin, end, end - second), CertificateVerdict::kUse);
  EXPECT_EQ(judge(begin, end, end), CertificateVerdict::kExpired);
  EXPECT_EQ(judge(begin, end, begin - second), CertificateVerdict::kNotYetValid);
}

}  // namespace
}  // namespace sidestep::front
