// Bounds of HTTP/1 parsing. Every one is enforced before memory is spent on what exceeds it.
#pragma once

#include <cstddef>
#include <cstdint>

namespace sidestep::http {

struct H1Limits {
  std::size_t max_head_bytes = 65536;               // start line, fields and the empty line
  std::size_t max_method = 32;                      // bytes
  std::size_t max_target = 16384;                   // bytes
  std::size_t max_headers = 128;                    // fields of a head, and of a trailer section
  std::size_t max_trailer_bytes = 16384;            // the whole trailer section
  std::uint32_t max_chunk_line = 1024;              // size, extensions, CR LF
  std::uint32_t max_chunk_extension_bytes = 16384;  // of one whole body
};

}  // namespace sidestep::http
