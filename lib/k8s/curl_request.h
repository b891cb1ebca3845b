// What the two uses of curl share: one exchange on the caller's thread (curl_transport.cc), and many on one
// thread (curl_exchanges.cc). Internal to them.
//
// Threads: CurlRequests from any; an Exchange belongs to whoever performs it.
#pragma once

#include <cstddef>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>

#include "lib/k8s/ca_bundle.h"
#include "lib/k8s/curl_transport.h"

struct curl_slist;

namespace sidestep::k8s {

// A CURL*, which curl declares as void*.
using CurlHandle = std::unique_ptr<void, void (*)(void*)>;
using CurlList = std::shared_ptr<curl_slist>;

CurlHandle new_curl_handle();  // may be empty

// What the callbacks of one exchange share. Must stay where it is while curl performs it.
struct Exchange {
  Response response;
  const LineSink* lines = nullptr;  // set for a watch
  std::stop_token stop;
  std::size_t max_body = 0;
  std::size_t header_bytes = 0;
  std::string pending;  // of a watch: the line that is not complete yet
  bool ended_by_us = false;
  bool too_long = false;
  bool is_own = false;  // to the endpoint's server
  // What curl only points to.
  std::string url, body;
  CurlList headers, route;
  std::shared_ptr<const std::string> authorities;
};

class CurlRequests {
 public:
  CurlRequests(Endpoint endpoint, const Clock& clock);

  // Sets all options of a fresh or reset handle but the version of HTTP and how the exchange is stopped.
  Status prepare(void* curl, const Request& request, Exchange& exchange);
  // What came of it. `code`: curl's. `text`: curl's own words, or "".
  Result<Response> finish(int code, Exchange& exchange, const char* text);

 private:
  Result<std::string> token();
  void forget_token();
  Result<CurlList> headers_of(const Request& request);
  void set_security(void* curl) const;
  void trust_extra(void* curl, Exchange& exchange);

  const Endpoint endpoint_;
  const Clock& clock_;
  CaBundle extra_;
  std::mutex mutex_;
  // Guarded by mutex_.
  std::string file_token_;
  TimePoint file_token_read_{};
  // The last ones, which the next request most likely has too.
  Headers last_headers_;
  std::string last_bearer_;
  CurlList last_list_;
};

}  // namespace sidestep::k8s
