// Everything that can be set on the sidecar, as plain structs: unit in the type, default here, one line of
// meaning. The option table (option_table.cc) has one row per field; flags, environment and documentation are
// made from it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/policy/spec.h"
#include "sidecar/core/confinement.h"
#include "sidecar/core/types.h"

namespace sidestep::sidecar {

struct ListenAddress {
  std::string host = "0.0.0.0";  // IPv4 or IPv6 text, without brackets; "::" takes IPv4 too
  std::uint16_t port = 0;
  bool only_v6 = false;   // of "::"
  std::string path = {};  // not empty: a Unix socket, and nothing above counts
  bool tls = false;       // of clients, with Options::tls
  bool proxy = false;     // connections of trusted sources begin with a PROXY header
  bool operator==(const ListenAddress&) const = default;
};

// What the app speaks, in all of its generations.
enum class AppProtocol : std::uint8_t {
  kHttp1,
  kH2c,  // HTTP/2 without TLS, by prior knowledge (RFC 9113 3.3)
  kH2,   // HTTP/2 over TLS, chosen by ALPN (RFC 9113 3.2)
};
inline bool is_h2(AppProtocol protocol) { return protocol != AppProtocol::kHttp1; }

// What a connection to the app begins with: whose client's it is (lib/http/proxy_header.h).
enum class AppProxyProtocol : std::uint8_t { kOff, kV1, kV2 };

// TLS to the app, in all of its generations. Files are read again when they change.
struct AppTlsOptions {
  bool on = false;
  // PEM file: who may issue the app's certificate; "system": the machine's authorities. Empty: the app may
  // show any certificate, as kubelet's probes let it.
  std::string ca;
  std::string name;         // asked for (SNI) and, with `ca`, verified; empty: neither
  std::string certificate;  // of our own, in the forms of TlsOptions::certificates; empty: none is shown
  bool operator==(const AppTlsOptions&) const = default;
};
inline constexpr std::string_view kSystemAuthorities = "system";

// Among the trusted sources: clients that come by a Unix socket.
inline constexpr std::string_view kUnixSource = "unix";

// TLS of the client-facing listeners. Files are read again when they change.
struct TlsOptions {
  // Each a folder with tls.crt and tls.key (a mounted Secret), or one PEM file with both. The first one
  // answers names that none is for.
  std::vector<std::string> certificates;
  std::string client_ca;  // PEM file: who may issue certificates to clients; empty: clients are not asked
  bool client_required = true;  // with client_ca
  bool operator==(const TlsOptions&) const = default;
};

// Bounds of the request path. Each has a metric and a row in docs/limits.md.
struct Limits {
  std::size_t max_head_bytes = 65'536;  // request or status line and fields
  std::size_t max_target_bytes = 16'384;
  std::size_t max_headers = 128;
  std::size_t max_trailer_bytes = 16'384;
  std::size_t max_body_bytes = 0;             // of a request; 0: no bound
  std::size_t max_clients = 60'000;           // open client connections
  std::size_t max_clients_per_source = 0;     // of one address; 0: no bound
  std::size_t stream_buffer_bytes = 262'144;  // per stream and direction, before reading stops
  std::size_t max_buffered_bytes = 20 << 20;  // of all streams together
  std::size_t max_memory_bytes = 0;           // of the worker; 0: what the container allows
  std::size_t replay_bytes = 65'536;          // of a request kept for a retry; beyond it, no retry
  int max_requests_per_connection = 0;        // 0: no bound
  Millis header_timeout{10'000};              // from the first byte of a request to the end of its head
  Millis body_timeout{30'000};                // without a byte of the body
  Millis idle_timeout{60'000};                // a kept client connection without a request
  Millis write_timeout{60'000};               // a client that does not read
  Millis app_connect_timeout{1'000};
  Millis app_answer_timeout{0};       // 0: no bound (the client decides)
  Millis app_idle_timeout{4'000};     // a pooled app connection; below the app's own idle time
  int app_max_connecting = 32;        // paced release after a hold
  int app_max_connections = 0;        // per generation and shard; 0: no bound; beyond it requests queue
  std::size_t app_max_streams = 100;  // on one HTTP/2 connection to the app; beyond it another is opened
  int retry_budget_percent = 20;      // of requests in the last 10 s, with a floor of 10
  int h2_max_streams = 128;           // of one connection of a client, at the same time
  std::size_t h2_stream_window_bytes = 65'536;         // of a request's body, before the client must wait
  std::size_t h2_connection_window_bytes = 1'048'576;  // the same of all requests of a connection
  int h2_max_resets = 200;          // requests that a client gives up at once; a tenth comes back per second
  int h2_max_empty_frames = 2'000;  // PING, SETTINGS, …; a tenth comes back per second
  Millis tls_handshake_timeout{10'000};     // from accept to the first byte of a request's head
  std::size_t max_tls_handshakes = 2'000;   // under way, with the reading of PROXY headers
  Millis tls_session_lifetime{43'200'000};  // a ticket resumes a session for so long; 0: no tickets
  Millis linger_timeout{2'000};             // reading on after an early answer, so that it arrives whole
  bool operator==(const Limits&) const = default;
};

// Bounds of the control port's door (lib/front), for each of its listeners.
struct ControlLimits {
  std::size_t max_head_bytes = 16'384;
  std::size_t max_body_bytes = 1'048'576;
  std::size_t max_connections = 256;
  std::size_t max_per_source = 64;      // connections from one address
  Millis head_timeout{10'000};          // from the first byte to the end of the head
  Millis body_timeout{10'000};          // for the whole body
  Millis idle_timeout{30'000};          // a kept connection without a request
  std::size_t max_waiting_status = 16;  // `status?wait=` calls at the same time; beyond it 503
  bool operator==(const ControlLimits&) const = default;
};

// A folder in which this container sees a ConfigMap or Secret.
struct SourceMount {
  std::string name;    // "ConfigMap/shop-config"
  std::string folder;  // absolute
  bool operator==(const SourceMount&) const = default;
};

// The proxy replaces itself (`sidestep upgrade`, docs/upgrade.md).
struct UpgradeLimits {
  Millis prove{30'000};   // from the start of the new worker until it is ready
  Millis idle{60'000};    // a replaced worker: by then clients that stayed silent are closed
  Millis drain{600'000};  // a replaced worker: by then everything else is
  int most_old = 4;       // replaced workers at the same time
  bool operator==(const UpgradeLimits&) const = default;
};

struct Options {
  std::vector<ListenAddress> listen;
  std::vector<std::string> command;                      // of the app; {port} {socket} {config} are filled in
  std::vector<std::pair<std::string, std::string>> env;  // for the app, beside the inherited ones
  policy::PolicySpec policy;
  std::optional<AppAddress> attach;  // front this app, which somebody else started, instead of a command
  AppProtocol app_protocol = AppProtocol::kHttp1;
  AppTlsOptions app_tls;
  AppProxyProtocol app_proxy_protocol = AppProxyProtocol::kOff;
  bool run_mode = false;                      // `sidestep run`: the parent starts the launcher itself
  std::string control_path;                   // Unix socket, 0600
  std::vector<ListenAddress> control_listen;  // probes, metrics, signed commands
  std::string run_dir;               // shared with the app container: launcher binary and socket, run/
  std::string state_dir;             // private: journal, token, epoch
  std::string reload_keys;           // folder of keys that may sign POST /reload; empty: nobody may
  std::string trust_dir;             // public keys of the operator (ConfigMap sidestep-trust); empty: none
  std::vector<SourceMount> sources;  // whose content is reported to the operator
  std::string pod_uid;               // what a signature is bound to
  int shards = 1;                    // 1..4
  TlsOptions tls;
  Limits limits;
  ControlLimits control_limits;
  UpgradeLimits upgrade;
  std::string upgrade_program;  // what `sidestep upgrade` starts; empty: where this program was started from
  std::vector<std::string> trusted_sources;  // CIDR or "unix"; their X-Forwarded-*, Forwarded are added to
  log::Level log_level = log::Level::kInfo;
  log::Format log_format = log::Format::kText;
  bool access_log = false;
  SeccompMode seccomp = SeccompMode::kAuto;  // of the worker
};

}  // namespace sidestep::sidecar
