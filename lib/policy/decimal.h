// Decimal fractions as people write them in a policy: "0.01", "-5", "1000". Kept as written, since the API
// has no floating-point fields, and read strictly: no exponent, no unit, no blank. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace sidestep::policy {

struct Decimal {
  std::string text;  // as written
  double value = 0;
  bool operator==(const Decimal&) const = default;
};

// An optional '-', 1 to 15 digits, and perhaps a point with 1 to 9 digits more.
std::optional<Decimal> parse_decimal(std::string_view text);

}  // namespace sidestep::policy
