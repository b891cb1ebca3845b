// A wire beside a TLS server of OpenSSL's own, both on one thread: what TLS has to say by itself.
#include "sidecar/io/wire.h"

#include <gtest/gtest.h>
#include <openssl/ssl.h>
#include <sys/socket.h>

#include <memory>
#include <string>
#include <vector>

#include "tests/lib/front/made_certificate.h"

namespace sidestep::sidecar {
namespace {

class WireTest : public ::testing::Test {
 protected:
  WireTest() {
    int ends[2];
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0);
    wire_ = Wire(UniqueFd(ends[0]));
    server_end_ = UniqueFd(ends[1]);
    const front::MadeCertificate made = front::make_certificate("app", "");
    SSL_CTX_use_certificate(context_.get(), made.x509.get());
    SSL_CTX_use_PrivateKey(context_.get(), made.pkey.get());
    server_.reset(SSL_new(context_.get()));
    SSL_set_fd(server_.get(), server_end_.get());
    SSL_set_accept_state(server_.get());
    front::TlsClientSettings settings;
    settings.trust = front::TlsClientSettings::Trust::kNothing;
    wire_.begin_tls(front::TlsSession::connect(*front::TlsClient::make(settings), buffers_));
    shake();
  }
  void shake() {
    using Handshake = front::TlsSession::Handshake;
    Handshake state = Handshake::kMore;
    for (int i = 0; i < 10 && state == Handshake::kMore; ++i) {
      state = wire_.shake();
      SSL_do_handshake(server_.get());
    }
    ASSERT_EQ(state, Handshake::kDone);
    ASSERT_TRUE(SSL_is_init_finished(server_.get()));
  }
  std::string server_reads() {
    char text[64];
    const int count = SSL_read(server_.get(), text, sizeof text);
    return count > 0 ? std::string(text, static_cast<std::size_t>(count)) : std::string();
  }

  const std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context_{SSL_CTX_new(TLS_server_method()),
                                                                   SSL_CTX_free};
  std::unique_ptr<SSL, decltype(&SSL_free)> server_{nullptr, SSL_free};
  UniqueFd server_end_;
  front::TlsBuffers buffers_;
  Wire wire_;
};

TEST_F(WireTest, LookingForAnEndSendsTlssOwnAnswersAndLeavesNothingToOtherConnections) {
  ASSERT_EQ(SSL_key_update(server_.get(), SSL_KEY_UPDATE_REQUESTED), 1);
  ASSERT_EQ(SSL_do_handshake(server_.get()), 1);
  EXPECT_FALSE(wire_.is_stale());
  EXPECT_TRUE(buffers_.sealed.empty());
  OutVec pieces;
  pieces.add("hello");
  std::uint64_t sent = 0;
  EXPECT_EQ(wire_.send(pieces, sent), SendState::kAll);
  EXPECT_EQ(server_reads(), "hello");
}

TEST_F(WireTest, WhatTheOtherSideSaysUnaskedAndItsEndAreStale) {
  EXPECT_FALSE(wire_.is_stale());
  ASSERT_EQ(SSL_write(server_.get(), "x", 1), 1);
  EXPECT_TRUE(wire_.is_stale());
}

TEST_F(WireTest, AnAlertOfTheOtherSideIsNamed) {
  EXPECT_TRUE(wire_.tls_failure().empty());
  // Not TLS: the server breaks off with an alert.
  ASSERT_EQ(::send(wire_.fd(), "garbage that is no record", 25, 0), 25);
  EXPECT_EQ(server_reads(), "");
  std::vector<char> room(wire_.room_to_read(2'048));
  EXPECT_EQ(wire_.recv(room.data(), room.size()), -1);
  EXPECT_FALSE(wire_.tls_failure().empty());
}

}  // namespace
}  // namespace sidestep::sidecar
