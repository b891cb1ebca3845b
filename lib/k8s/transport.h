// How requests reach an HTTP server of the cluster: one request gives one answer, one watch gives a stream of
// lines.
//
// An interface only, so that everything above it runs against a recorded world in tests. It knows nothing of
// Kubernetes: an answer of any status is an answer, not an error; only a missing answer is.
//
// Threads: every method may be called from any thread.
#pragma once

#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "lib/base/clock.h"
#include "lib/base/result.h"

namespace sidestep::k8s {

using Headers = std::vector<std::pair<std::string, std::string>>;

struct Request {
  std::string method = "GET";
  std::string target;  // path and query, percent-encoded, for instance "/api/v1/pods?limit=500"
  // Empty: the server of the transport, with its credentials. Otherwise "http://host:port", without
  // credentials.
  std::string origin = {};
  Headers headers = {};
  std::string body = {};
  Millis timeout{30'000};            // for the whole exchange; of a watch, its longest life
  std::size_t max_body = 32u << 20;  // bytes; a longer answer is an error, as is a longer line of a watch
};

struct Response {
  int status = 0;
  Headers headers;  // names in lower case
  std::string body = {};
};

// The first value of the header, by its lower-case name.
std::optional<std::string_view> header(const Response& response, std::string_view name);

// Called for each line, without its end. False ends the watch.
using LineSink = std::function<bool(std::string_view line)>;

class Transport {
 public:
  virtual ~Transport() = default;

  // The answer, whatever its status. Error: no answer (kUnavailable), or one past max_body (kLimit). An error
  // says kSafe when no byte of the request left this machine.
  virtual Result<Response> send(const Request& request) = 0;

  // Returns when the stream ends. Status 2xx: `lines` had each complete line and the body is empty; another
  // status: no line was given and the body says why. Ends early, without an error, when the sink says so or
  // `stop` is requested. Error: the stream broke; lines given before stay valid, an incomplete last line is
  // not given.
  virtual Result<Response> watch(const Request& request, const LineSink& lines, std::stop_token stop) = 0;
};

// Percent-encodes everything outside the unreserved characters of RFC 3986.
std::string url_encode(std::string_view text);

}  // namespace sidestep::k8s
