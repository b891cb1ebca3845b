#include "lib/k8s/base64.h"

#include <cstdint>

namespace sidestep::k8s {
namespace {
constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
}

std::string base64_encode(std::string_view bytes) {
  std::string out;
  out.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    std::uint32_t group = 0;
    for (std::size_t j = 0; j < 3; ++j)
      group = group << 8 | (i + j < bytes.size() ? static_cast<unsigned char>(bytes[i + j]) : 0u);
    for (std::size_t j = 0; j < 4; ++j)
      out += i + j > bytes.size() ? '=' : kAlphabet[group >> (18 - 6 * j) & 63];
  }
  return out;
}

Result<std::string> base64_decode(std::string_view text) {
  std::string out;
  std::uint32_t group = 0;
  int digits = 0, padding = 0;
  for (const char c : text) {
    if (c == '\n' || c == '\r' || c == ' ' || c == '\t') continue;
    const auto value = kAlphabet.find(c);
    if (c == '=')
      ++padding;
    else if (value == std::string_view::npos || padding > 0)
      return invalid("not base64: unexpected character");
    group = group << 6 | (c == '=' ? 0u : static_cast<std::uint32_t>(value));
    if (++digits < 4) continue;
    if (padding > 2) return invalid("not base64: wrong padding");
    for (int shift = 16, n = 3 - padding; n > 0; --n, shift -= 8)
      out += static_cast<char>(group >> shift & 255);
    group = 0, digits = 0;
  }
  if (digits != 0) return invalid("not base64: the length is not a multiple of four");
  return out;
}

}  // namespace sidestep::k8s
