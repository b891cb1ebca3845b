// The transport over libcurl: HTTP/1.1, TLS with a CA bundle and client certificate, a bearer token that is
// read again from its file (projected service-account tokens rotate), time limits, bounded bodies, keep-alive
// probes (RFC 9293, 3.8.4) and a bound on what is not acknowledged, so that a half-open connection ends.
//
// Does not retry and follows no redirect.
//
// Ownership: keeps a few idle curl handles, each with its connection. Threads: any.
#pragma once

#include <memory>

#include "lib/k8s/transport.h"

namespace sidestep::k8s {

inline constexpr Seconds kDeadAfter{25};

// Where the API server is and who we are to it. PEM texts, not paths, so that nothing is written to disk.
struct Endpoint {
  std::string server = {};   // "https://10.0.0.1:443"; empty: only requests with an origin of their own
  std::string ca_pem = {};   // empty: the system's bundle
  std::string ca_file = {};  // wins over `ca_pem`; read again for each connection, so that a CA may rotate
  // Of servers other than `server`: authorities in PEM that are trusted beside the system's; read again when
  // it changes. Empty: the system's alone.
  std::string extra_ca_file = {};
  std::string client_cert_pem = {};  // with client_key_pem, or both empty
  std::string client_key_pem = {};
  std::string token = {};            // fixed bearer token
  std::string token_file = {};       // wins over `token`; read again each minute and after a 401
  std::string tls_server_name = {};  // name to check the certificate against; empty: the host of `server`
  bool insecure = false;             // do not check the server's certificate
  std::string user_agent = "sidestep";
  // A connection whose other side acknowledges nothing for so long, probes included, is broken: its exchange
  // ends with an error. In whole seconds, at least two; rounded up by at most a fifth of it.
  Seconds dead_after = kDeadAfter;
};

std::unique_ptr<Transport> make_curl_transport(Endpoint endpoint, const Clock& clock);

}  // namespace sidestep::k8s
