// What a Front is told: where the clean requests go, and its bounds. Plain values.
#pragma once

#include <cstddef>
#include <string>

#include "lib/base/clock.h"

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

struct Settings {
  std::string server_path;  // Unix socket of the local server
  // Proves to the server that a request came through this door; sent as Sidestep-Door.
  std::string door_token;
  Limits limits;
};

// Names of the fields that only a Front may set; copies from outside are removed.
inline constexpr const char* kPrincipalField = "Sidestep-Principal";  // "local" or "tcp ADDRESS"
inline constexpr const char* kDoorField = "Sidestep-Door";

}  // namespace sidestep::front
