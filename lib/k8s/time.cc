#include "lib/k8s/time.h"

#include <array>
#include <cstdio>
#include <ctime>

namespace sidestep::k8s {
namespace {

std::string seconds_text(WallTime time) {
  const std::time_t seconds = std::chrono::system_clock::to_time_t(std::chrono::floor<Seconds>(time));
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  std::array<char, 32> text{};
  return {text.data(), std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%S", &parts)};
}

}  // namespace

std::string plain_time(WallTime time) { return seconds_text(time) + "Z"; }

std::string micro_time(WallTime time) {
  const auto since =
      std::chrono::duration_cast<std::chrono::microseconds>(time - std::chrono::floor<Seconds>(time));
  std::string digits = std::to_string(since.count());
  digits.insert(0, 6 - digits.size(), '0');
  return seconds_text(time) + "." + digits + "Z";
}

std::optional<WallTime> parse_time(std::string_view text) {
  std::tm parts{};
  const std::string copy(text);
  const char* end = strptime(copy.c_str(), "%Y-%m-%dT%H:%M:%S", &parts);
  if (!end) return std::nullopt;
  std::int64_t micros = 0;
  if (*end == '.') {
    std::int64_t unit = 100'000;
    for (++end; *end >= '0' && *end <= '9'; ++end, unit /= 10) micros += (*end - '0') * unit;
  }
  if (std::string_view(end) != "Z") return std::nullopt;
  return std::chrono::system_clock::from_time_t(timegm(&parts)) + std::chrono::microseconds(micros);
}

}  // namespace sidestep::k8s
