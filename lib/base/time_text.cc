#include "lib/base/time_text.h"

#include <charconv>

namespace sidestep {
namespace {

// A WallTime ends in 2262, and what is added to it must still fit.
constexpr std::chrono::year_month_day kNever{std::chrono::year(2200), std::chrono::January,
                                             std::chrono::day(1)};

// `count` digits at `text[at]`, or -1.
int time_digits(std::string_view text, std::size_t at, std::size_t count) {
  int number = 0;
  if (at + count > text.size()) return -1;
  const auto [end, error] = std::from_chars(text.data() + at, text.data() + at + count, number);
  return error == std::errc{} && end == text.data() + at + count ? number : -1;
}

// What follows the seconds: an optional fraction, then Z or an offset.
std::optional<Millis> beyond_seconds(std::string_view text) {
  Millis beyond{0};
  if (text.starts_with('.')) {
    std::size_t used = 1;
    int unit = 100;
    for (; used < text.size() && text[used] >= '0' && text[used] <= '9'; ++used, unit /= 10) {
      beyond += Millis((text[used] - '0') * unit);
    }
    text.remove_prefix(used);
  }
  if (text == "Z" || text == "z") return beyond;
  if (text.size() != 6 || (text[0] != '+' && text[0] != '-') || text[3] != ':') return std::nullopt;
  const int hours = time_digits(text, 1, 2);
  const int minutes = time_digits(text, 4, 2);
  if (hours < 0 || hours > 23 || minutes < 0 || minutes > 59) return std::nullopt;
  const Millis offset = std::chrono::hours(hours) + std::chrono::minutes(minutes);
  return text[0] == '+' ? beyond - offset : beyond + offset;
}

}  // namespace

std::optional<WallTime> parse_time(std::string_view text) {
  if (text.size() < 20 || text[4] != '-' || text[7] != '-' || text[13] != ':' || text[16] != ':')
    return std::nullopt;
  const int year = time_digits(text, 0, 4);
  const int month = time_digits(text, 5, 2);
  const int day = time_digits(text, 8, 2);
  const int hour = time_digits(text, 11, 2);
  const int minute = time_digits(text, 14, 2);
  const int second = time_digits(text, 17, 2);
  const auto rest = beyond_seconds(text.substr(19));
  const std::chrono::year_month_day date{std::chrono::year(year),
                                         std::chrono::month(static_cast<unsigned>(month)),
                                         std::chrono::day(static_cast<unsigned>(day))};
  const bool is_clock = hour >= 0 && hour < 24 && minute >= 0 && minute < 60 && second >= 0 && second <= 60;
  if (year < 1970 || month < 0 || day < 0 || !date.ok() || !is_clock || !rest) return std::nullopt;
  if (date.year() >= kNever.year()) return WallTime(std::chrono::sys_days(kNever));
  return WallTime(std::chrono::sys_days(date)) + std::chrono::hours(hour) + std::chrono::minutes(minute) +
         Seconds(second) + *rest;
}

}  // namespace sidestep
