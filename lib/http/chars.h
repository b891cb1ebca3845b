// Character classes of RFC 9110 5.5 and 5.6, and the scans that the parser spends its time in. Private to
// lib/http.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace sidestep::http::chars {

inline constexpr std::uint8_t kToken = 1;
inline constexpr std::uint8_t kTarget =
    2;  // printable ASCII but '#', which some take as the end and some do not
inline constexpr std::uint8_t kHost =
    4;  // of a registered name; no '%' and no ',', which are read in two ways
inline constexpr std::uint8_t kHex = 8;
inline constexpr std::uint8_t kDigit = 16;

constexpr std::array<std::uint8_t, 256> make_classes() {
  std::array<std::uint8_t, 256> table{};
  const auto add = [&table](std::string_view set, std::uint8_t bits) {
    for (const char c : set) table[static_cast<unsigned char>(c)] |= bits;
  };
  constexpr std::uint8_t word = kToken | kHost;
  add("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", word);
  add("!#$%&'*+-.^_`|~", kToken);
  add("-._~!$&'()*+;=", kHost);
  add("0123456789abcdefABCDEF", kHex);
  add("0123456789", kDigit);
  for (unsigned c = 0x21; c < 0x7f; ++c) table[c] |= kTarget;
  table['#'] &= static_cast<std::uint8_t>(~kTarget);
  return table;
}
inline constexpr std::array<std::uint8_t, 256> kClasses = make_classes();

inline bool is(char c, std::uint8_t bits) { return (kClasses[static_cast<unsigned char>(c)] & bits) != 0; }
inline bool all(std::string_view text, std::uint8_t bits) {
  for (const char c : text) {
    if (!is(c, bits)) return false;
  }
  return true;
}
inline bool is_space(char c) { return c == ' ' || c == '\t'; }
inline bool is_control(char c) {
  const auto u = static_cast<unsigned char>(c);
  return (u < 0x20 && c != '\t') || u == 0x7f;
}

inline const char* skip(const char* p, const char* end, std::uint8_t bits) {
  while (p != end && is(*p, bits)) ++p;
  return p;
}

// The first control character but HTAB, eight bytes at a time.
inline const char* find_control(const char* p, const char* end) {
  constexpr std::uint64_t ones = 0x0101010101010101U;
  constexpr std::uint64_t high = 0x8080808080808080U;
  while (end - p >= 8) {
    std::uint64_t word;
    std::memcpy(&word, p, sizeof word);
    const std::uint64_t deleted = word ^ (ones * 0x7f);
    const std::uint64_t hits = (((word - ones * 0x20) & ~word) | ((deleted - ones) & ~deleted)) & high;
    if (hits != 0) {
      for (int i = 0; i < 8; ++i, ++p) {
        if (is_control(*p)) return p;
      }
      continue;
    }
    p += 8;
  }
  while (p != end && !is_control(*p)) ++p;
  return p;
}

}  // namespace sidestep::http::chars
