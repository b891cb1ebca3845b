// An app for tests that speaks TLS: a RawApp whose handler gets a blocking TLS connection, after the
// handshake.
#pragma once

#include <sys/socket.h>

#include <cerrno>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "lib/front/tls_session.h"
#include "tests/lib/front/made_certificate.h"
#include "tests/support/raw_app.h"

namespace sidestep::test {

class TlsAppConn {
 public:
  TlsAppConn(RawConn& conn, const front::TlsServerPtr& terms)
      : conn_(conn), session_(front::TlsSession::accept(terms, buffers_)) {}

  bool shake() {
    using Handshake = front::TlsSession::Handshake;
    Handshake state = Handshake::kMore;
    while (state == Handshake::kMore && wait()) {
      state = session_->shake(conn_.fd());
      pass();
    }
    return state == Handshake::kDone;
  }
  void send(std::string_view bytes) {
    session_->seal(bytes);
    session_->seal_end();
    pass();
  }
  // Up to and with `end`, or what came before the other side ended.
  std::string read_until(std::string_view end) {
    std::string text;
    std::vector<char> room(65'536);
    while (text.find(end) == std::string::npos) {
      const ssize_t count = session_->recv(conn_.fd(), room.data(), room.size());
      if (count > 0) text.append(room.data(), static_cast<std::size_t>(count));
      if (count == 0 || (count < 0 && (errno != EAGAIN || !wait()))) break;
    }
    return text;
  }
  void say_whole() {
    session_->end();
    pass();
  }
  void close() { conn_.close(); }
  void reset() { conn_.reset(); }
  bool was_resumed() const { return session_->was_resumed(); }

 private:
  bool wait() {  // blocks, for as long as the RawConn's socket does
    char byte = 0;
    return ::recv(conn_.fd(), &byte, 1, MSG_PEEK) > 0;
  }
  void pass() {
    if (!buffers_.sealed.empty()) conn_.send(buffers_.sealed);
    buffers_.sealed.clear();
  }

  RawConn& conn_;
  front::TlsBuffers buffers_;
  std::unique_ptr<front::TlsSession> session_;
};

// With a certificate of its own. With `client_ca` the client has to show one of that authority.
inline RawApp::Handler tls_app(std::function<void(TlsAppConn&)> handler, const std::string& client_ca = {}) {
  const front::MadeCertificate made = front::make_certificate("app", "DNS:shop.example");
  front::TlsServerSettings settings;
  settings.certificates = {*front::TlsCertificate::from_pem(made.chain, made.key)};
  settings.tickets = {front::random_ticket_key()};
  settings.client_ca = client_ca;
  settings.client_required = !client_ca.empty();
  return [terms = *front::TlsServer::make(std::move(settings)), handler = std::move(handler)](RawConn& conn) {
    TlsAppConn app(conn, terms);
    if (app.shake()) handler(app);
  };
}

}  // namespace sidestep::test
