// What a Front is told: where the clean requests go, and its bounds; and the values that it passes on. Plain
// values.
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "lib/base/clock.h"
#include "lib/front/tls.h"

namespace sidestep::front {

struct Limits {
  std::size_t max_head_bytes = 16'384;
  std::size_t max_target_bytes = 4'096;
  std::size_t max_headers = 64;
  std::size_t max_body_bytes = 1'048'576;
  std::size_t max_answer_bytes = 8'388'608;  // of the server, head and body
  std::size_t max_connections = 256;         // over TCP; as many again through Unix sockets
  std::size_t max_per_source = 64;           // TCP connections of one address
  std::size_t max_calls = 64;                // requests at the server at the same time; beyond it 503
  Millis head_timeout{10'000};               // from the first byte to the end of the head; 408
  Millis body_timeout{10'000};               // for the whole body; 408
  Millis idle_timeout{30'000};               // a connection without a request; closed
  Millis write_timeout{10'000};              // without any byte of the answer taken; closed
  Millis answer_timeout{90'000};             // of the server, for a call over TCP; 504
  Millis local_answer_timeout{3'660'000};  // for a call through a Unix socket: the pod's end waits for drains
  Millis linger_timeout{2'000};            // reading on after a refusal, so that it arrives whole
};

// Who a connection belongs to, as the kernel knows it.
struct Principal {
  bool is_local = false;  // through the Unix socket
  std::string address;    // of a TCP client, without the port
};

struct Request {
  std::string method;  // GET, HEAD or POST
  std::string target;  // origin-form
  // What may pass: no fields of the connection, of routing, of framing, of this door, and none with '_' in
  // its name.
  std::vector<std::pair<std::string, std::string>> fields;
  std::string body;
  bool http10 = false;
  bool keep_alive = true;

  bool head_only() const { return method == "HEAD"; }
};

struct Reply {
  int status = 200;
  std::vector<std::pair<std::string, std::string>> fields;
  std::string body;
};

struct Settings {
  std::string server_path;  // Unix socket of the local server
  // Called once, before the first request is handed over, on the loop's thread: a server that nobody calls
  // need not run. Empty: it runs already.
  std::function<void()> wake_server;
  // Asked first for each request, on the loop's thread; must not block. Empty, or none: it goes to the
  // server.
  std::function<std::optional<Reply>(const Request& request, const Principal& principal)> answer_here;
  // Set: TCP connections speak TLS by the terms that it returns when they come, on the loop's thread; null:
  // there is no certificate yet, and they are closed. HTTP/1.1 alone is offered.
  std::function<TlsServerPtr()> tls;
  // Proves to the server that a request came through this door; sent as Sidestep-Door.
  std::string door_token;
  Limits limits;
};

// Names of the fields that only a Front may set; copies from outside are removed.
inline constexpr const char* kPrincipalField = "Sidestep-Principal";  // "local" or "tcp ADDRESS"
inline constexpr const char* kDoorField = "Sidestep-Door";

}  // namespace sidestep::front
