// TLS 1.2 and 1.3 as a server and as a client: what is offered and accepted (TlsServer, TlsClient), and the
// one unit that knows OpenSSL's TLS.
//
// Cipher suites, groups and versions are those of Mozilla's "intermediate" guidelines 5.7; no compression, no
// renegotiation, no early data. Sessions are resumed by tickets alone (RFC 5077, RFC 8446 2.2), so that
// nothing is kept per client and threads that hold the same keys resume each other's sessions.
//
// Terms are immutable and shared among threads; new certificates or ticket keys make new terms, and
// connections keep those that they began with. Not here: bytes on sockets (tls_session.h), files and their
// changes.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/clock.h"
#include "lib/base/result.h"
#include "lib/front/server_names.h"
#include "lib/front/tls_certificate.h"

namespace sidestep::front {

// Encrypts tickets; whoever has it can read the sessions that it protected.
struct TicketKey {
  std::array<unsigned char, 16> name{};
  std::array<unsigned char, 32> cipher{};
  std::array<unsigned char, 32> mac{};
};
TicketKey random_ticket_key();

struct TlsServerSettings {
  std::vector<TlsCertificatePtr> certificates;  // the first answers names that none is for
  std::string client_ca;           // PEM, of those who may issue certificates to clients; empty: not asked
  bool client_required = true;     // with client_ca: no handshake without one
  bool h2 = false;                 // offer HTTP/2 (ALPN) before HTTP/1.1
  std::vector<TicketKey> tickets;  // newest first: it encrypts, the others are understood; empty: none
  Seconds ticket_lifetime{43'200};
};

class TlsServer {
 public:
  // REQUIRES: at least one certificate.
  static Result<std::shared_ptr<const TlsServer>> make(TlsServerSettings settings);
  ~TlsServer();

  struct Contexts;
  // Private to lib/front.
  const Contexts& contexts() const { return *contexts_; }

 private:
  explicit TlsServer(std::unique_ptr<Contexts> contexts);
  std::unique_ptr<Contexts> contexts_;
};
using TlsServerPtr = std::shared_ptr<const TlsServer>;

struct TlsClientSettings {
  enum class Trust : std::uint8_t {
    kSystem,   // the machine's certificate authorities
    kGiven,    // `ca` alone
    kNothing,  // any certificate of anybody: encrypted, not authenticated
  };
  Trust trust = Trust::kSystem;
  std::string ca;                 // PEM
  std::string name;               // asked for (SNI) and verified; an IP address: verified; empty: neither
  TlsCertificatePtr certificate;  // of our own; may be null
  bool h2 = false;                // speak nothing else (ALPN "h2"); otherwise "http/1.1"
};

class TlsClient {
 public:
  static Result<std::shared_ptr<const TlsClient>> make(const TlsClientSettings& settings);
  ~TlsClient();

  struct Context;
  const Context& context() const { return *context_; }  // private to lib/front

 private:
  explicit TlsClient(std::unique_ptr<Context> context);
  std::unique_ptr<Context> context_;
};
using TlsClientPtr = std::shared_ptr<const TlsClient>;

}  // namespace sidestep::front
