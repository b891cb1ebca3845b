#include "lib/base/utf8.h"

#include <cstddef>
#include <cstdint>

namespace sidestep {

bool is_utf8(std::string_view bytes) {
  std::size_t at = 0;
  while (at < bytes.size()) {
    const auto lead = static_cast<unsigned char>(bytes[at]);
    std::size_t more = 0;
    std::uint32_t code = lead;
    std::uint32_t least = 0;
    if (lead >= 0x80) {
      if (lead >= 0xC2 && lead <= 0xDF)
        more = 1, code = lead & 0x1FU, least = 0x80;
      else if (lead >= 0xE0 && lead <= 0xEF)
        more = 2, code = lead & 0x0FU, least = 0x800;
      else if (lead >= 0xF0 && lead <= 0xF4)
        more = 3, code = lead & 0x07U, least = 0x10000;
      else
        return false;
    }
    if (bytes.size() - at <= more) return false;
    for (std::size_t i = 1; i <= more; ++i) {
      const auto next = static_cast<unsigned char>(bytes[at + i]);
      if ((next & 0xC0U) != 0x80) return false;
      code = code << 6U | (next & 0x3FU);
    }
    if (code < least || code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF)) return false;
    at += more + 1;
  }
  return true;
}

}  // namespace sidestep
