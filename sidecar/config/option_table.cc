#include "sidecar/config/option_table.h"

#include <algorithm>
#include <array>
#include <type_traits>
#include <vector>

#include "sidecar/config/option_values.h"

namespace sidestep::sidecar {
namespace {

using Value = std::string_view;
using std::chrono::hours;

template <auto Member>
Status set_text(Options& options, Value value) {
  if (value.empty()) return invalid("empty; leave the option out, or give it a value");
  options.*Member = std::string(value);
  return {};
}

template <auto Member>
Status set_switch(Options& options, Value value) {
  const Result<bool> on = parse_switch(value);
  if (!on) return on.error();
  options.*Member = *on;
  return {};
}

template <auto Member, typename Item>
Status append(Options& options, Result<Item> item) {
  if (!item) return item.error();
  (options.*Member).push_back(*std::move(item));
  return {};
}

Status set_listen(Options& options, Value value) {
  return append<&Options::listen>(options, parse_client_listen(value));
}
Status set_control_listen(Options& options, Value value) {
  Result<ListenAddress> address = parse_listen(value);
  if (address && !address->path.empty())
    return invalid("a Unix socket of the control API is there anyway; name it with --control PATH");
  return append<&Options::control_listen>(options, std::move(address));
}
Status set_trusted(Options& options, Value value) {
  return append<&Options::trusted_sources>(options, parse_network(value));
}
Status set_source(Options& options, Value value) {
  return append<&Options::sources>(options, parse_source(value));
}
Status set_tls_certificate(Options& options, Value value) {
  if (value.empty()) return invalid("empty; name a folder with tls.crt and tls.key, or a PEM file with both");
  options.tls.certificates.emplace_back(value);
  return {};
}
Status set_tls_client_ca(Options& options, Value value) {
  const bool optional = value.starts_with("optional:");
  if (optional) value.remove_prefix(std::string_view("optional:").size());
  if (value.empty()) return invalid("empty; name a PEM file, or optional:FILE");
  options.tls.client_ca = std::string(value);
  options.tls.client_required = !optional;
  return {};
}
Status set_env(Options& options, Value value) { return append<&Options::env>(options, parse_env(value)); }

Status set_attach(Options& options, Value value) {
  Result<AppAddress> address = parse_attach(value);
  if (!address) return address.error();
  options.attach = *std::move(address);
  return {};
}

// Read by load.cc before all other rows; nothing to store.
Status set_policy(Options&, Value value) {
  if (value.empty()) return invalid("empty; name a file with a ReloadPolicy");
  return {};
}

Status set_readiness_path(Options& options, Value value) {
  if (value.empty() || value.front() != '/')
    return invalid("does not begin with '/'; write for instance /readyz");
  const bool plain = std::all_of(value.begin(), value.end(), [](char c) { return c > ' ' && c < '\x7f'; });
  if (!plain) return invalid("has characters that no URL path has; encode them, for instance a space as %20");
  options.policy.readiness.kind = policy::ProbeKind::kHttpGet;
  options.policy.readiness.path = std::string(value);
  return {};
}

// The field becomes the enumerator whose number is the value's place among the names.
template <typename Enum, std::size_t N>
Status set_one_of(Enum& field, const std::array<std::string_view, N>& names, Value value,
                  const char* otherwise) {
  const auto* found = std::find(names.begin(), names.end(), value);
  if (found == names.end()) return invalid(otherwise);
  field = static_cast<Enum>(found - names.begin());
  return {};
}

Status set_app_protocol(Options& options, Value value) {
  static constexpr std::array<std::string_view, 3> kNames{"http1", "h2c", "h2"};
  return set_one_of(options.app_protocol, kNames, value,
                    "not a protocol; write http1, h2c, or h2 (with --app-tls)");
}

Status set_app_proxy_protocol(Options& options, Value value) {
  static constexpr std::array<std::string_view, 3> kNames{"off", "v1", "v2"};
  return set_one_of(options.app_proxy_protocol, kNames, value,
                    "not a version of the PROXY protocol; write v1, v2 or off");
}

Status set_app_tls(Options& options, Value value) {
  const Result<bool> on = parse_switch(value);
  if (!on) return on.error();
  options.app_tls.on = *on;
  return {};
}
Status set_app_tls_ca(Options& options, Value value) {
  if (value.empty()) return invalid("empty; name a PEM file, or system");
  options.app_tls.ca = std::string(value);
  return {};
}
Status set_app_tls_server_name(Options& options, Value value) {
  if (value.empty() || value.size() > 253) return invalid("not a name; write for instance shop.example");
  options.app_tls.name = std::string(value);
  return {};
}

Status set_app_tls_certificate(Options& options, Value value) {
  if (value.empty()) return invalid("empty; name a folder with tls.crt and tls.key, or a PEM file with both");
  options.app_tls.certificate = std::string(value);
  return {};
}

Status set_grace(Options& options, Value value) {
  const Result<std::int64_t> seconds = parse_number(value, 1, 86'400);
  if (!seconds) return seconds.error();
  options.policy.shutdown.grace_period = Seconds(*seconds);
  return {};
}

Status set_shards(Options& options, Value value) {
  const Result<std::int64_t> shards = parse_number(value, 1, 4);
  if (!shards) return shards.error();
  options.shards = static_cast<int>(*shards);
  return {};
}

Status set_log_level(Options& options, Value value) {
  static constexpr std::array<std::string_view, 4> kNames{"debug", "info", "warn", "error"};
  return set_one_of(options.log_level, kNames, value, "not a level; write debug, info, warn or error");
}

Status set_seccomp(Options& options, Value value) {
  static constexpr std::array<std::string_view, 4> kNames{"off", "log", "enforce", "auto"};
  return set_one_of(options.seccomp, kNames, value, "not a mode; write auto, off, log or enforce");
}

Status set_log_format(Options& options, Value value) {
  if (value != "text" && value != "json") return invalid("not a format; write text or json");
  options.log_format = value == "json" ? log::Format::kJson : log::Format::kText;
  return {};
}

Limits& part_of(Options& options, const Limits*) { return options.limits; }
ControlLimits& part_of(Options& options, const ControlLimits*) { return options.control_limits; }
UpgradeLimits& part_of(Options& options, const UpgradeLimits*) { return options.upgrade; }

template <typename Part, typename Field>
Part part_type(Field Part::*);

// A limit in bytes, or a duration.
template <auto Member, std::int64_t kLeast, std::int64_t kMost>
Status set_limit(Options& options, Value value) {
  using Part = decltype(part_type(Member));
  auto& field = part_of(options, static_cast<const Part*>(nullptr)).*Member;
  using Field = std::remove_reference_t<decltype(field)>;
  if constexpr (std::is_same_v<Field, Millis>) {
    const Result<Millis> span = parse_span(value, Millis(kLeast), Millis(kMost));
    if (!span) return span.error();
    field = *span;
  } else {
    const Result<std::int64_t> size = parse_size(value, kLeast, kMost);
    if (!size) return size.error();
    field = static_cast<Field>(*size);
  }
  return {};
}

// A limit that counts things.
template <auto Member, std::int64_t kLeast, std::int64_t kMost>
Status set_count(Options& options, Value value) {
  const Result<std::int64_t> number = parse_number(value, kLeast, kMost);
  if (!number) return number.error();
  using Part = decltype(part_type(Member));
  auto& field = part_of(options, static_cast<const Part*>(nullptr)).*Member;
  field = static_cast<std::remove_reference_t<decltype(field)>>(*number);
  return {};
}

constexpr std::int64_t kKi = 1'024;
constexpr std::int64_t kMi = kKi * kKi;
constexpr std::int64_t kHour = 3'600'000;
using G = OptionGroup;
using L = Limits;
using C = ControlLimits;
using U = UpgradeLimits;

constexpr OptionRow kRows[] = {
    {G::kTraffic, "--listen", "ADDR:PORT", "SIDESTEP_LISTEN", true, "none",
     "where clients connect: :8080 (IPv4 and IPv6), 0.0.0.0:8080 (IPv4), [::]:8080 (IPv6), an address, or "
     "unix:/path; tls://:8443 speaks TLS, proxy:// and proxy+tls:// take PROXY headers of trusted sources",
     "", set_listen},
    {G::kTraffic, "--tls-certificate", "PATH", "SIDESTEP_TLS_CERTIFICATE", true, "none",
     "for tls:// listeners: a folder with tls.crt and tls.key (a mounted Secret) or a PEM file with both, "
     "read again when it changes; chosen by the name that a client asks for, the first one otherwise",
     "", set_tls_certificate},
    {G::kTraffic, "--tls-client-ca", "FILE", "SIDESTEP_TLS_CLIENT_CA", false, "none",
     "clients of tls:// listeners must show a certificate of these authorities (optional:FILE: may); the app "
     "is told in X-Forwarded-Client-Cert",
     "", set_tls_client_ca},
    {G::kTraffic, "--trust-forwarded", "NETWORK", "SIDESTEP_TRUST_FORWARDED", true, "none",
     "clients whose X-Forwarded-* and Forwarded are kept and added to (from all others they are set anew): "
     "10.0.0.0/8, fd00::/8, or unix",
     "", set_trusted},
    {G::kTraffic, "--shards", "N", "SIDESTEP_SHARDS", false,
     "the CPU limit, rounded up, at most 4; 1 without a limit", "threads that carry requests", "",
     set_shards},

    {G::kApp, "--policy", "FILE", "SIDESTEP_POLICY", false, "every field's default",
     "a ReloadPolicy, YAML or JSON; the variable holds the text itself", "", set_policy},
    {G::kApp, "--readiness-path", "PATH", "SIDESTEP_READINESS_PATH", false, "a TCP connect",
     "probe a generation with GET PATH", "", set_readiness_path},
    {G::kApp, "--app-protocol", "http1|h2c|h2", "SIDESTEP_APP_PROTOCOL", false, "http1",
     "what the app speaks: HTTP/1.1, HTTP/2 without TLS (h2c; gRPC), or HTTP/2 with --app-tls (h2); clients "
     "may speak either",
     "", set_app_protocol},
    {G::kApp, "--app-tls", "", "SIDESTEP_APP_TLS", false, "off",
     "speak TLS to the app, probes included; without --app-tls-ca any certificate is taken", "", set_app_tls},
    {G::kApp, "--app-tls-ca", "FILE|system", "SIDESTEP_APP_TLS_CA", false, "none",
     "the app must show a certificate of these authorities (PEM, read again when it changes; system: the "
     "machine's)",
     "", set_app_tls_ca},
    {G::kApp, "--app-tls-server-name", "NAME", "SIDESTEP_APP_TLS_SERVER_NAME", false, "none",
     "asked of the app (SNI) and, with --app-tls-ca, to be found in its certificate", "",
     set_app_tls_server_name},
    {G::kApp, "--app-tls-certificate", "PATH", "SIDESTEP_APP_TLS_CERTIFICATE", false, "none",
     "shown to an app that asks clients for one, in the forms of --tls-certificate; read again when it "
     "changes",
     "", set_app_tls_certificate},
    {G::kApp, "--app-proxy-protocol", "v1|v2|off", "SIDESTEP_APP_PROXY_PROTOCOL", false, "off",
     "connections to the app begin with a PROXY header that names the client, and serve that client alone; "
     "probes say UNKNOWN (v1) or LOCAL (v2)",
     "", set_app_proxy_protocol},
    {G::kApp, "--env", "KEY=VALUE", "", true, "none",
     "for the app, beside what it inherits; {port} {socket} {config} {generation} are filled in", "",
     set_env},
    {G::kApp, "--attach", "ADDR:PORT", "", false, "none",
     "front an app that somebody else started, instead of a command (run only)", "", set_attach},
    {G::kApp, "--grace-seconds", "N", "SIDESTEP_GRACE_SECONDS", false,
     "the policy's shutdown.gracePeriodSeconds, 30", "how long the end may take, from SIGTERM on", "",
     set_grace},

    {G::kControl, "--control", "PATH", "SIDESTEP_CONTROL", false,
     "run: ${XDG_RUNTIME_DIR:-/tmp}/sidestep-UID/PORT.sock; proxy: control.sock in the state folder",
     "Unix socket of the control API, mode 0600", "", set_text<&Options::control_path>},
    {G::kControl, "--control-listen", "ADDR:PORT", "SIDESTEP_CONTROL_LISTEN", true, "run: none; proxy: :8086",
     "probes, metrics and signed commands over TCP", "", set_control_listen},
    {G::kControl, "--trust-dir", "FOLDER", "SIDESTEP_TRUST_DIR", false,
     "run: none; proxy: /etc/sidestep/trust", "public keys that may sign commands, one PEM file each", "",
     set_text<&Options::trust_dir>},
    {G::kControl, "--reload-keys", "FOLDER", "SIDESTEP_RELOAD_KEYS", false, "none",
     "keys that may sign POST /reload over TCP, one file each, at least 16 bytes", "",
     set_text<&Options::reload_keys>},
    {G::kControl, "--source", "KIND/NAME=FOLDER", "SIDESTEP_SOURCE", true, "none",
     "where a ConfigMap or Secret is mounted here; the operator starts a candidate once its content has "
     "arrived",
     "", set_source},
    {G::kControl, "--pod-uid", "UID", "SIDESTEP_POD_UID", false, "none",
     "the pod that signed commands must name", "", set_text<&Options::pod_uid>},

    {G::kFolders, "--run-dir", "FOLDER", "SIDESTEP_RUN_DIR", false,
     "run: beside the control socket; proxy: /sidestep", "shared with the app: the launcher and its socket",
     "", set_text<&Options::run_dir>},
    {G::kFolders, "--state-dir", "FOLDER", "SIDESTEP_STATE_DIR", false,
     "run: beside the control socket; proxy: /var/lib/sidestep", "private: what is kept over a restart", "",
     set_text<&Options::state_dir>},

    {G::kLogs, "--log-format", "text|json", "SIDESTEP_LOG_FORMAT", false, "text",
     "one line per event, on standard error", "", set_log_format},
    {G::kLogs, "--log-level", "LEVEL", "SIDESTEP_LOG_LEVEL", false, "info", "debug, info, warn or error", "",
     set_log_level},
    {G::kLogs, "--access-log", "", "SIDESTEP_ACCESS_LOG", false, "off", "one line per request", "",
     set_switch<&Options::access_log>},

    {G::kProcess, "--seccomp", "auto|off|log|enforce", "SIDESTEP_SECCOMP", false, "auto",
     "system calls that the worker never makes: fail, or are logged by the kernel; auto: fail where the "
     "container has a filter already, so that ours costs nothing (a first one: some 2 % of the CPU time)",
     "", set_seccomp},
    {G::kUpgrade, "--upgrade-binary", "PATH", "SIDESTEP_UPGRADE_BINARY", false,
     "where this program was started from", "the program that `sidestep upgrade` and SIGUSR2 go on with", "",
     set_text<&Options::upgrade_program>},

    {G::kRequestLimits, "--max-head-bytes", "BYTES", "SIDESTEP_MAX_HEAD_BYTES", false, "64Ki",
     "first line and header fields of a request or an answer", "431 for a request, 502 for an answer",
     set_limit<&L::max_head_bytes, kKi, kMi>},
    {G::kRequestLimits, "--max-target-bytes", "BYTES", "SIDESTEP_MAX_TARGET_BYTES", false, "16Ki",
     "request target", "414", set_limit<&L::max_target_bytes, 256, kMi>},
    {G::kRequestLimits, "--max-headers", "N", "SIDESTEP_MAX_HEADERS", false, "128",
     "header fields of one message", "431 for a request, 502 for an answer",
     set_count<&L::max_headers, 16, 4'096>},
    {G::kRequestLimits, "--max-trailer-bytes", "BYTES", "SIDESTEP_MAX_TRAILER_BYTES", false, "16Ki",
     "trailer fields", "the message is cut off", set_limit<&L::max_trailer_bytes, 256, kMi>},
    {G::kRequestLimits, "--max-body-bytes", "BYTES", "SIDESTEP_MAX_BODY_BYTES", false, "0 (no bound)",
     "body of a request", "413, or the request is cut off when its answer has begun",
     set_limit<&L::max_body_bytes, 0, std::int64_t{1} << 50>},
    {G::kRequestLimits, "--max-clients", "N", "SIDESTEP_MAX_CLIENTS", false, "60000",
     "open client connections", "new connections wait in the kernel's queue",
     set_count<&L::max_clients, 1, 1'000'000>},
    {G::kRequestLimits, "--max-clients-per-source", "N", "SIDESTEP_MAX_CLIENTS_PER_SOURCE", false,
     "0 (no bound)",
     "open connections of one client address, over all shards (of IPv6: of one network of 64 bits)",
     "further ones are closed", set_count<&L::max_clients_per_source, 0, 1'000'000>},
    {G::kRequestLimits, "--stream-buffer-bytes", "BYTES", "SIDESTEP_STREAM_BUFFER_BYTES", false, "256Ki",
     "buffered per request and direction", "reading stops until the other side takes some",
     set_limit<&L::stream_buffer_bytes, 16 * kKi, 64 * kMi>},
    {G::kRequestLimits, "--max-buffered-bytes", "BYTES", "SIDESTEP_MAX_BUFFERED_BYTES", false, "20Mi",
     "buffered for all requests together",
     "reading stops as soon as anything waits, and is done in pieces of 2 KiB",
     set_limit<&L::max_buffered_bytes, 1 << 20, std::size_t{1} << 40>},
    {G::kRequestLimits, "--max-memory-bytes", "BYTES", "SIDESTEP_MAX_MEMORY_BYTES", false,
     "0 (run: no bound; proxy: what the container's limit allows)",
     "the worker's resident memory; without a number, all that the kernel charges to the container",
     "from 80 % idle clients are closed and answers say Connection: close, from 90 % new requests get 503, "
     "from "
     "95 % new connections wait in the kernel",
     set_limit<&L::max_memory_bytes, 0, std::size_t{1} << 40>},
    {G::kRequestLimits, "--replay-bytes", "BYTES", "SIDESTEP_REPLAY_BYTES", false, "64Ki",
     "of a request, kept so that it can be sent again", "the request is not retried",
     set_limit<&L::replay_bytes, 0, 16 * kMi>},
    {G::kRequestLimits, "--max-requests-per-connection", "N", "SIDESTEP_MAX_REQUESTS_PER_CONNECTION", false,
     "0 (no bound)", "requests on one client connection", "the answer says Connection: close",
     set_count<&L::max_requests_per_connection, 0, 1'000'000'000>},
    {G::kRequestLimits, "--header-timeout", "DURATION", "SIDESTEP_HEADER_TIMEOUT", false, "10s",
     "from the first byte of a request to the end of its head", "408",
     set_limit<&L::header_timeout, 100, kHour>},
    {G::kRequestLimits, "--body-timeout", "DURATION", "SIDESTEP_BODY_TIMEOUT", false, "30s",
     "without a byte of a request's body", "408", set_limit<&L::body_timeout, 100, kHour>},
    {G::kRequestLimits, "--idle-timeout", "DURATION", "SIDESTEP_IDLE_TIMEOUT", false, "1m",
     "a client connection without a request", "it is closed", set_limit<&L::idle_timeout, 1'000, kHour>},
    {G::kRequestLimits, "--write-timeout", "DURATION", "SIDESTEP_WRITE_TIMEOUT", false, "1m",
     "a client that takes nothing of its answer", "the connection is reset",
     set_limit<&L::write_timeout, 100, kHour>},
    {G::kRequestLimits, "--app-connect-timeout", "DURATION", "SIDESTEP_APP_CONNECT_TIMEOUT", false, "1s",
     "connecting to the app, with its TLS handshake", "tried again, or held",
     set_limit<&L::app_connect_timeout, 10, 60'000>},
    {G::kRequestLimits, "--app-answer-timeout", "DURATION", "SIDESTEP_APP_ANSWER_TIMEOUT", false,
     "0ms (no bound)", "from the end of a request to the head of its answer", "504",
     set_limit<&L::app_answer_timeout, 0, 24 * kHour>},
    {G::kRequestLimits, "--app-idle-timeout", "DURATION", "SIDESTEP_APP_IDLE_TIMEOUT", false, "4s",
     "a kept connection to the app; must be shorter than the app's own", "it is closed",
     set_limit<&L::app_idle_timeout, 0, kHour>},
    {G::kRequestLimits, "--app-max-connecting", "N", "SIDESTEP_APP_MAX_CONNECTING", false, "32",
     "connects to the app under way at the same time, per shard", "further requests queue",
     set_count<&L::app_max_connecting, 1, 65'535>},
    {G::kRequestLimits, "--app-max-connections", "N", "SIDESTEP_APP_MAX_CONNECTIONS", false, "0 (no bound)",
     "connections to one generation, per shard", "further requests queue",
     set_count<&L::app_max_connections, 0, 65'535>},
    {G::kRequestLimits, "--app-max-streams", "N", "SIDESTEP_APP_MAX_STREAMS", false, "100",
     "requests on one HTTP/2 connection to the app at the same time; the app's own bound counts too",
     "another connection is opened", set_count<&L::app_max_streams, 1, 10'000>},
    {G::kRequestLimits, "--retry-budget-percent", "N", "SIDESTEP_RETRY_BUDGET_PERCENT", false, "20",
     "retries, of the requests of the last 10 s (10 are always allowed)", "the failure is passed on",
     set_count<&L::retry_budget_percent, 0, 100>},
    {G::kRequestLimits, "--h2-max-streams", "N", "SIDESTEP_H2_MAX_STREAMS", false, "128",
     "open requests on one HTTP/2 connection of a client", "further ones are refused (REFUSED_STREAM)",
     set_count<&L::h2_max_streams, 1, 10'000>},
    {G::kRequestLimits, "--h2-stream-window-bytes", "BYTES", "SIDESTEP_H2_STREAM_WINDOW_BYTES", false, "64Ki",
     "of a request's body over HTTP/2, not yet handed on", "the client waits for a window update",
     set_limit<&L::h2_stream_window_bytes, 65'535, 16 * kMi>},
    {G::kRequestLimits, "--h2-connection-window-bytes", "BYTES", "SIDESTEP_H2_CONNECTION_WINDOW_BYTES", false,
     "1Mi", "the same of all requests of a connection", "the client waits for a window update",
     set_limit<&L::h2_connection_window_bytes, 65'535, 256 * kMi>},
    {G::kRequestLimits, "--h2-max-resets", "N", "SIDESTEP_H2_MAX_RESETS", false, "200",
     "HTTP/2 requests that a client resets, or makes us reset; a tenth comes back each second, and one with "
     "each answer",
     "the connection is ended (ENHANCE_YOUR_CALM)", set_count<&L::h2_max_resets, 1, 1'000'000>},
    {G::kRequestLimits, "--h2-max-empty-frames", "N", "SIDESTEP_H2_MAX_EMPTY_FRAMES", false, "2000",
     "HTTP/2 frames that carry nothing (PING, SETTINGS, PRIORITY, empty DATA, tiny windows); a tenth comes "
     "back each second, some with each answer",
     "the connection is ended (ENHANCE_YOUR_CALM)", set_count<&L::h2_max_empty_frames, 10, 1'000'000>},
    {G::kRequestLimits, "--tls-handshake-timeout", "DURATION", "SIDESTEP_TLS_HANDSHAKE_TIMEOUT", false, "10s",
     "from a connection's begin to the end of its PROXY header and TLS handshake", "the connection is closed",
     set_limit<&L::tls_handshake_timeout, 100, kHour>},
    {G::kRequestLimits, "--max-tls-handshakes", "N", "SIDESTEP_MAX_TLS_HANDSHAKES", false, "2000",
     "TLS handshakes (and PROXY headers) under way", "the oldest one is given up for a new one",
     set_count<&L::max_tls_handshakes, 4, 1'000'000>},
    {G::kRequestLimits, "--tls-session-lifetime", "DURATION", "SIDESTEP_TLS_SESSION_LIFETIME", false, "12h",
     "a TLS session can be resumed for so long; 0ms: never", "a full handshake",
     set_limit<&L::tls_session_lifetime, 0, 168 * kHour>},
    {G::kRequestLimits, "--linger-timeout", "DURATION", "SIDESTEP_LINGER_TIMEOUT", false, "2s",
     "reading on after an early answer, so that it arrives whole", "the connection is closed",
     set_limit<&L::linger_timeout, 0, 60'000>},

    {G::kControlLimits, "--control-max-head-bytes", "BYTES", "SIDESTEP_CONTROL_MAX_HEAD_BYTES", false, "16Ki",
     "first line and header fields of a call", "431", set_limit<&C::max_head_bytes, kKi, 256 * kKi>,
     "head_too_large"},
    {G::kControlLimits, "--control-max-body-bytes", "BYTES", "SIDESTEP_CONTROL_MAX_BODY_BYTES", false, "1Mi",
     "body of a call", "413", set_limit<&C::max_body_bytes, kKi, 16 * kMi>, "body_too_large"},
    {G::kControlLimits, "--control-max-connections", "N", "SIDESTEP_CONTROL_MAX_CONNECTIONS", false, "256",
     "open connections", "further ones are closed", set_count<&C::max_connections, 1, 65'535>,
     "too_many_connections"},
    {G::kControlLimits, "--control-max-per-source", "N", "SIDESTEP_CONTROL_MAX_PER_SOURCE", false, "64",
     "open connections of one address", "further ones are closed", set_count<&C::max_per_source, 1, 65'535>,
     "too_many_of_one_source"},
    {G::kControlLimits, "--control-head-timeout", "DURATION", "SIDESTEP_CONTROL_HEAD_TIMEOUT", false, "10s",
     "from the first byte of a call to the end of its head", "408", set_limit<&C::head_timeout, 100, kHour>,
     "head_timeout"},
    {G::kControlLimits, "--control-body-timeout", "DURATION", "SIDESTEP_CONTROL_BODY_TIMEOUT", false, "10s",
     "for the whole body of a call", "408", set_limit<&C::body_timeout, 100, kHour>, "body_timeout"},
    {G::kControlLimits, "--control-idle-timeout", "DURATION", "SIDESTEP_CONTROL_IDLE_TIMEOUT", false, "30s",
     "a connection without a call", "it is closed", set_limit<&C::idle_timeout, 1'000, kHour>,
     "idle_timeout"},
    {G::kControlLimits, "--control-max-waiting-status", "N", "SIDESTEP_CONTROL_MAX_WAITING_STATUS", false,
     "16", "calls of status?wait= at the same time", "503", set_count<&C::max_waiting_status, 1, 1'024>,
     "too_many_waiting"},

    {G::kUpgradeLimits, "--upgrade-timeout", "DURATION", "SIDESTEP_UPGRADE_TIMEOUT", false, "30s",
     "until the new worker is ready; a third of it, or 5s, to begin",
     "it is killed, the present one goes on; too late to begin: another worker of the program before starts",
     set_limit<&U::prove, 100, kHour>},
    {G::kUpgradeLimits, "--upgrade-idle-timeout", "DURATION", "SIDESTEP_UPGRADE_IDLE_TIMEOUT", false, "1m",
     "a replaced worker's clients that ask for nothing",
     "they are closed one by one, in the second half of it", set_limit<&U::idle, 0, 24 * kHour>},
    {G::kUpgradeLimits, "--upgrade-drain-timeout", "DURATION", "SIDESTEP_UPGRADE_DRAIN_TIMEOUT", false, "10m",
     "a replaced worker", "WebSockets are told (1012), then what is open is cut",
     set_limit<&U::drain, 0, 24 * kHour>},
    {G::kUpgradeLimits, "--upgrade-max-old", "N", "SIDESTEP_UPGRADE_MAX_OLD", false, "4",
     "replaced workers at the same time", "the oldest ends as at its drain timeout",
     set_count<&U::most_old, 1, 7>},
};

}  // namespace

std::string_view to_string(Program program) { return program == Program::kRun ? "run" : "proxy"; }

std::string_view to_string(OptionGroup group) {
  switch (group) {
    case OptionGroup::kTraffic:
      return "Traffic";
    case OptionGroup::kApp:
      return "App";
    case OptionGroup::kControl:
      return "Control";
    case OptionGroup::kFolders:
      return "Folders";
    case OptionGroup::kLogs:
      return "Logs";
    case OptionGroup::kProcess:
      return "Process";
    case OptionGroup::kRequestLimits:
      return "Limits of requests";
    case OptionGroup::kControlLimits:
      return "Limits of the control port";
    case OptionGroup::kUpgrade:
      return "Upgrade";
    case OptionGroup::kUpgradeLimits:
      return "Limits of an upgrade";
  }
  return "";
}

std::span<const OptionRow> option_table() { return kRows; }

const OptionRow* find_flag(std::string_view flag) {
  const auto* row =
      std::find_if(std::begin(kRows), std::end(kRows), [&](const OptionRow& r) { return r.flag == flag; });
  return row == std::end(kRows) ? nullptr : row;
}

}  // namespace sidestep::sidecar
