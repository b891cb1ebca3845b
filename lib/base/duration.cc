#include "lib/base/duration.h"

#include <array>
#include <charconv>
#include <cstdint>

namespace sidestep {
namespace {

struct Unit {
  std::string_view name;
  std::int64_t millis;
};
constexpr std::array<Unit, 4> kUnits{{{"h", 3'600'000}, {"m", 60'000}, {"s", 1'000}, {"ms", 1}}};
constexpr std::int64_t kMost = 1'000'000'000'000;

}  // namespace

Result<Millis> parse_duration(std::string_view text) {
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const std::string_view unit(end, static_cast<std::size_t>(text.data() + text.size() - end));
  if (error == std::errc{} && number >= 0 && number <= kMost) {
    for (const Unit& known : kUnits) {
      if (unit == known.name) return Millis(number * known.millis);
    }
  }
  return invalid("\"" + std::string(text) + "\" is not a duration; write a whole number and a unit, for instance 250ms, 30s, 5m or 2h");
}

std::string format_duration(Millis duration) {
  const std::int64_t count = duration.count();
  for (const Unit& unit : kUnits) {
    if (count != 0 && count % unit.millis == 0) {
      return std::to_string(count / unit.millis) + std::string(unit.name);
    }
  }
  return std::to_string(count) + "ms";
}

}  // namespace sidestep
