// Field lines of a head or a trailer section: bytes → HeaderStore. Private to lib/http.
#pragma once

#include <cstddef>
#include <string_view>

#include "lib/http/h1_parser.h"
#include "lib/http/message.h"

namespace sidestep::http {

// Parses from bytes[at] to the empty line. kDone: consumed is counted from the beginning of `bytes`.
HeadResult parse_fields(std::string_view bytes, std::size_t at, std::size_t max_fields, HeaderStore& store);

inline HeadResult need_more() { return {}; }
inline HeadResult bad(std::size_t at, BadReason reason) {
  return {HeadResult::kBad, at, reason, status_of(reason)};
}

}  // namespace sidestep::http
