// Bounds of one HTTP/2 session (RFC 9113 10.5). Every one is enforced before memory is spent on what exceeds
// it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace sidestep::http {

// What every HTTP/2 client sends first (RFC 9113 3.4).
inline constexpr std::string_view kH2Preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

struct H2Limits {
  std::uint32_t max_streams = 128;            // open at the same time, of those that the peer begins
  std::uint32_t stream_window = 256 << 10;    // body bytes of one stream that were not consumed yet
  std::uint32_t connection_window = 1 << 20;  // the same of all streams together
  std::size_t max_header_bytes = 65'536;      // names, values and 32 bytes for each field (RFC 9113 6.5.2)
  std::size_t max_headers = 128;              // fields of one block
  std::size_t max_output = 256 << 10;         // bytes in frames; beyond them, bodies wait in their streams
  std::uint32_t max_continuations = 8;        // frames of one header block
  // Token buckets: burst, and what comes back per second. Useful work gives tokens back too.
  std::uint32_t reset_burst = 200;  // streams that end in a reset which the peer has caused
  std::uint32_t resets_per_second = 20;
  std::uint32_t control_burst = 2'000;  // frames that carry nothing: PING, SETTINGS, tiny windows, empty DATA
  std::uint32_t control_per_second = 200;
};

}  // namespace sidestep::http
