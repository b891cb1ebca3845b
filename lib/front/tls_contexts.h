// What tls.cc makes and tls_session.cc uses. Private to lib/front.
#pragma once

#include <memory>
#include <vector>

#include "lib/front/tls.h"

struct evp_cipher_st;
struct ssl_ctx_st;
struct ssl_session_st;
struct ssl_st;

namespace sidestep::front {

struct FreeContext {
  void operator()(ssl_ctx_st* context) const;
};
using ContextPtr = std::unique_ptr<ssl_ctx_st, FreeContext>;

struct FreeCipher {
  void operator()(evp_cipher_st* cipher) const;
};

struct TlsServer::Contexts {
  std::vector<ContextPtr> by_certificate;
  ServerNames names;
  std::vector<TicketKey> tickets;
  std::unique_ptr<evp_cipher_st, FreeCipher> ticket_cipher;
  bool h2 = false;
};

struct TlsClient::Context {
  ContextPtr context;
  std::string name;
};

// A server has given a ticket (SSL_CTX_sess_set_new_cb); tls_session.cc.
int take_ticket(ssl_st* ssl, ssl_session_st* session);

}  // namespace sidestep::front
