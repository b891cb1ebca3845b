#include "lib/policy/decimal.h"

#include <algorithm>
#include <charconv>

namespace sidestep::policy {
namespace {

constexpr std::size_t kMostWhole = 15;
constexpr std::size_t kMostFraction = 9;

bool is_digits(std::string_view text, std::size_t most) {
  const auto digit = [](char c) { return c >= '0' && c <= '9'; };
  return !text.empty() && text.size() <= most && std::all_of(text.begin(), text.end(), digit);
}

}  // namespace

std::optional<Decimal> parse_decimal(std::string_view text) {
  const std::string_view digits = text.substr(text.starts_with('-') ? 1 : 0);
  const auto point = digits.find('.');
  if (!is_digits(digits.substr(0, point), kMostWhole)) return std::nullopt;
  if (point != digits.npos && !is_digits(digits.substr(point + 1), kMostFraction)) return std::nullopt;
  Decimal decimal{std::string(text), 0};
  std::from_chars(text.data(), text.data() + text.size(), decimal.value);
  return decimal;
}

}  // namespace sidestep::policy
