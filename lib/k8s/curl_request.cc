#include "lib/k8s/curl_request.h"

#include <curl/curl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <charconv>
#include <fstream>
#include <sstream>

namespace sidestep::k8s {
namespace {

constexpr std::size_t kMaxHeaderBytes = 64u << 10;
constexpr Seconds kTokenAge{60};
constexpr long kConnectTimeoutMs = 10'000;

bool is_success(const Exchange& exchange) { return exchange.response.status / 100 == 2; }

std::size_t on_header(char* data, std::size_t, std::size_t size, void* user) {
  auto& exchange = *static_cast<Exchange*>(user);
  std::string_view line(data, size);
  exchange.header_bytes += size;
  if (exchange.header_bytes > kMaxHeaderBytes) {
    exchange.too_long = true;
    return 0;
  }
  if (line.starts_with("HTTP/")) {  // a new head: an interim one came before
    exchange.response.headers.clear();
    const auto blank = line.find(' ');
    exchange.response.status = 0;
    if (blank != line.npos) {
      const std::string_view code = line.substr(blank + 1, 3);
      std::from_chars(code.data(), code.data() + code.size(), exchange.response.status);
    }
    return size;
  }
  const bool is_end = line == "\r\n";
  if (is_end && exchange.lines && is_success(exchange))
    exchange.response.headers = {};  // nobody reads a stream's
  const auto colon = line.find(':');
  if (colon == line.npos) return size;
  std::string name(line.substr(0, colon));
  std::transform(name.begin(), name.end(), name.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  auto value = line.substr(colon + 1);
  while (!value.empty() && (value.front() == ' ' || value.front() == '\t')) value.remove_prefix(1);
  while (!value.empty() && (value.back() == '\r' || value.back() == '\n' || value.back() == ' '))
    value.remove_suffix(1);
  exchange.response.headers.emplace_back(std::move(name), std::string(value));
  return size;
}

// Gives each complete line to the sink. False: stop.
bool give_lines(Exchange& exchange, std::string_view data) {
  for (auto end = data.find('\n'); end != data.npos; end = data.find('\n')) {
    exchange.pending.append(data.substr(0, end));
    data.remove_prefix(end + 1);
    const bool more = exchange.pending.empty() || (*exchange.lines)(exchange.pending);
    exchange.pending.clear();
    if (exchange.pending.capacity() > (1u << 20)) exchange.pending.shrink_to_fit();
    if (more && !exchange.stop.stop_requested()) continue;
    exchange.ended_by_us = true;
    return false;
  }
  exchange.pending.append(data);
  return true;
}

std::size_t on_body(char* data, std::size_t, std::size_t size, void* user) {
  auto& exchange = *static_cast<Exchange*>(user);
  const bool streaming = exchange.lines && is_success(exchange);
  std::string& kept = streaming ? exchange.pending : exchange.response.body;
  if (streaming) {
    if (!give_lines(exchange, {data, size})) return 0;
  } else {
    kept.append(data, size);
  }
  exchange.too_long = kept.size() > exchange.max_body;
  return exchange.too_long ? 0 : size;
}

// Here and not by curl's options: older ones leave the number of probes to the system, which sends nine. What
// a kernel does not take leaves the connection as it was; requests have time limits of their own.
int on_socket(void* user, curl_socket_t socket, curlsocktype) {
  const auto bound = static_cast<const Seconds*>(user)->count();
  const auto set = [socket](int level, int option, std::int64_t value) {
    const int number = static_cast<int>(value);
    setsockopt(socket, level, option, &number, sizeof(number));
  };
  set(SOL_SOCKET, SO_KEEPALIVE, 1);
  set(IPPROTO_TCP, TCP_KEEPIDLE, std::max<std::int64_t>(1, bound * 2 / 5));
  set(IPPROTO_TCP, TCP_KEEPINTVL, std::max<std::int64_t>(1, bound / 5));
  set(IPPROTO_TCP, TCP_USER_TIMEOUT, bound * 1000);  // of probes, too: tcp(7)
  return CURL_SOCKOPT_OK;
}

CurlList appended(const CurlList& list, const std::string& line) {
  // The first one stays the owner of the whole.
  if (list) {
    curl_slist_append(list.get(), line.c_str());
    return list;
  }
  return {curl_slist_append(nullptr, line.c_str()), &curl_slist_free_all};
}

void set_blob(CURL* curl, CURLoption option, const std::string& pem) {
  curl_blob blob{const_cast<char*>(pem.data()), pem.size(), CURL_BLOB_NOCOPY};
  curl_easy_setopt(curl, option, &blob);
}

// Where curl itself would look for authorities; "" when it was built without.
std::string system_bundle() {
  const auto* about = curl_version_info(CURLVERSION_NOW);
  return about->cainfo != nullptr ? about->cainfo : "";
}

// "host:port" of an http(s) URL's authority, with the scheme's port when none is written.
std::string authority_of(const std::string& server) {
  const auto start = server.find("://") + 3;
  std::string authority = server.substr(start, server.find('/', start) - start);
  const auto colon = authority.rfind(':');
  const bool has_port = colon != authority.npos && authority.find(']', colon) == authority.npos;
  return has_port ? authority : authority + ":443";
}

// Speaks to `server`, with the certificate checked against, and the request addressed to, another name.
CurlList connect_to(CURL* curl, const Endpoint& endpoint, std::string& url) {
  if (endpoint.tls_server_name.empty()) return {};
  const std::string address = authority_of(endpoint.server);
  const std::string port = address.substr(address.rfind(':'));
  const auto start = url.find("://") + 3;
  url.replace(start, endpoint.server.find('/', start) - start, endpoint.tls_server_name + port);
  CurlList route = appended({}, endpoint.tls_server_name + port + ":" + address);
  curl_easy_setopt(curl, CURLOPT_CONNECT_TO, route.get());
  return route;
}

void set_request(CURL* curl, const Request& request, Exchange& exchange) {
  curl_easy_setopt(curl, CURLOPT_URL, exchange.url.c_str());
  curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, request.method.c_str());
  curl_easy_setopt(curl, CURLOPT_HTTPHEADER, exchange.headers.get());
  if (request.method != "GET" && request.method != "DELETE") curl_easy_setopt(curl, CURLOPT_POST, 1L);
  if (!request.body.empty() || request.method == "POST" || request.method == "PATCH" ||
      request.method == "PUT") {
    exchange.body = request.body;
    curl_easy_setopt(curl, CURLOPT_POSTFIELDS, exchange.body.c_str());
    curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE, static_cast<long>(exchange.body.size()));
  }
  curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, static_cast<long>(request.timeout.count()));
  curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, kConnectTimeoutMs);
  curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
  curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, &on_header);
  curl_easy_setopt(curl, CURLOPT_HEADERDATA, &exchange);
  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, &on_body);
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, &exchange);
}

Error failure(CURLcode code, const Exchange& exchange, const char* text) {
  const std::string where = exchange.url.substr(0, exchange.url.find('?'));
  if (exchange.too_long) {
    return {ErrorKind::kLimit, Fault::kCluster, Retry::kNever,
            where + ": the answer is longer than " + std::to_string(exchange.max_body) + " bytes"};
  }
  const bool not_sent = code == CURLE_COULDNT_RESOLVE_HOST || code == CURLE_COULDNT_CONNECT ||
                        code == CURLE_SSL_CONNECT_ERROR || code == CURLE_PEER_FAILED_VERIFICATION;
  return {ErrorKind::kUnavailable, Fault::kCluster, not_sent ? Retry::kSafe : Retry::kLater,
          where + ": " + (*text ? text : curl_easy_strerror(code))};
}

}  // namespace

CurlHandle new_curl_handle() {
  static const CURLcode started = curl_global_init(CURL_GLOBAL_DEFAULT);
  (void)started;
  return {curl_easy_init(), &curl_easy_cleanup};
}

CurlRequests::CurlRequests(Endpoint endpoint, const Clock& clock)
    : endpoint_(std::move(endpoint)), clock_(clock), extra_(endpoint_.extra_ca_file, system_bundle()) {}

Result<std::string> CurlRequests::token() {
  if (endpoint_.token_file.empty()) return endpoint_.token;
  const std::lock_guard lock(mutex_);
  const TimePoint now = clock_.steady();
  if (!file_token_.empty() && now - file_token_read_ < kTokenAge) return file_token_;
  std::ifstream file(endpoint_.token_file);
  std::ostringstream text;
  text << file.rdbuf();
  std::string read = text.str();
  while (!read.empty() && (read.back() == '\n' || read.back() == '\r' || read.back() == ' ')) read.pop_back();
  if (read.empty() && file_token_.empty()) return unavailable("no token in " + endpoint_.token_file);
  if (!read.empty()) file_token_ = std::move(read);
  file_token_read_ = now;
  return file_token_;
}

// The server does not take it any more; its successor may be in the file already.
void CurlRequests::forget_token() {
  const std::lock_guard lock(mutex_);
  file_token_.clear();
}

Result<CurlList> CurlRequests::headers_of(const Request& request) {
  std::string bearer;
  if (request.origin.empty()) {
    auto known = token();
    if (!known) return known.error();
    bearer = *std::move(known);
  }
  const std::lock_guard lock(mutex_);
  if (last_list_ && last_headers_ == request.headers && last_bearer_ == bearer) return last_list_;
  CurlList list = appended({}, "Expect:");  // no waiting for 100 Continue
  for (const auto& [name, value] : request.headers) list = appended(list, name + ": " + value);
  if (!bearer.empty()) list = appended(list, "Authorization: Bearer " + bearer);
  last_headers_ = request.headers;
  last_bearer_ = std::move(bearer);
  return last_list_ = std::move(list);
}

void CurlRequests::set_security(void* curl) const {
  if (!endpoint_.ca_file.empty()) {
    curl_easy_setopt(curl, CURLOPT_CAINFO, endpoint_.ca_file.c_str());
    curl_easy_setopt(curl, CURLOPT_CAPATH, nullptr);  // the system's are not trusted beside it
    curl_easy_setopt(curl, CURLOPT_CA_CACHE_TIMEOUT, 0L);
  } else if (!endpoint_.ca_pem.empty())
    set_blob(curl, CURLOPT_CAINFO_BLOB, endpoint_.ca_pem);
  if (!endpoint_.client_cert_pem.empty()) {
    curl_easy_setopt(curl, CURLOPT_SSLCERTTYPE, "PEM");
    curl_easy_setopt(curl, CURLOPT_SSLKEYTYPE, "PEM");
    set_blob(curl, CURLOPT_SSLCERT_BLOB, endpoint_.client_cert_pem);
    set_blob(curl, CURLOPT_SSLKEY_BLOB, endpoint_.client_key_pem);
  }
  if (endpoint_.insecure) {
    curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 0L);
    curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 0L);
  }
}

void CurlRequests::trust_extra(void* curl, Exchange& exchange) {
  if (endpoint_.extra_ca_file.empty()) return;
  exchange.authorities = extra_.text();
  set_blob(curl, CURLOPT_CAINFO_BLOB, *exchange.authorities);  // instead of the system's file, which it holds
}

Status CurlRequests::prepare(void* curl, const Request& request, Exchange& exchange) {
  const bool own = request.origin.empty();
  if (own && endpoint_.server.empty()) return invalid("no API server is configured for " + request.target);
  exchange.is_own = own;
  exchange.max_body = request.max_body;
  exchange.url = (own ? endpoint_.server : request.origin) + request.target;
  auto headers = headers_of(request);
  if (!headers) return headers.error();
  exchange.headers = *std::move(headers);
  if (own) exchange.route = connect_to(curl, endpoint_, exchange.url);
  set_request(curl, request, exchange);
  curl_easy_setopt(curl, CURLOPT_SOCKOPTFUNCTION, &on_socket);
  curl_easy_setopt(curl, CURLOPT_SOCKOPTDATA, &endpoint_.dead_after);
  curl_easy_setopt(curl, CURLOPT_USERAGENT, endpoint_.user_agent.c_str());
  if (own) set_security(curl);
  if (!own) trust_extra(curl, exchange);
  if (!own) curl_easy_setopt(curl, CURLOPT_PROXY, "");  // pods are reached directly
  return {};
}

Result<Response> CurlRequests::finish(int code, Exchange& exchange, const char* text) {
  if (code == CURLE_OK) {
    if (exchange.is_own && exchange.response.status == 401) forget_token();
    return std::move(exchange.response);
  }
  if (exchange.ended_by_us) return std::move(exchange.response);
  return failure(static_cast<CURLcode>(code), exchange, text);
}

}  // namespace sidestep::k8s
