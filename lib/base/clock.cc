#include "lib/base/clock.h"

#include <array>
#include <cstdio>
#include <ctime>

namespace sidestep {
namespace {

class SystemClock final : public Clock {
 public:
  TimePoint steady() const override { return std::chrono::steady_clock::now(); }
  WallTime wall() const override { return std::chrono::system_clock::now(); }
};

}  // namespace

const Clock& system_clock() {
  static const SystemClock clock;
  return clock;
}

std::string format_time(WallTime time) {
  const auto since = std::chrono::floor<Millis>(time).time_since_epoch();
  const auto seconds = std::chrono::floor<Seconds>(since);
  const std::time_t whole = static_cast<std::time_t>(seconds.count());
  std::tm parts{};
  gmtime_r(&whole, &parts);
  std::array<char, 32> date{};
  std::strftime(date.data(), date.size(), "%Y-%m-%dT%H:%M:%S", &parts);
  std::array<char, 8> millis{};
  std::snprintf(millis.data(), millis.size(), ".%03dZ", static_cast<int>((since - seconds).count()));
  return std::string(date.data()) + millis.data();
}

}  // namespace sidestep
