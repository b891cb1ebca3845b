// UTF-8 (RFC 3629): no overlong forms, no surrogates, nothing above U+10FFFF. Pure.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace sidestep {

bool is_utf8(std::string_view bytes);

// At most `most` bytes of UTF-8 text, cut between characters; bytes that are no UTF-8 become '?'. What an app
// printed, or a server answered, may be anything, and JSON takes only valid text.
std::string clip(std::string_view text, std::size_t most);

}  // namespace sidestep
