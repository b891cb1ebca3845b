// A cron expression of five fields (minute, hour, day of month, month, day of week) as sets of numbers:
// lists, ranges, steps, '*', and three-letter names of months and days. When both days are given, either
// counts (as in crontab(5)). Pure; schedule.h knows time zones.
#pragma once

#include <bitset>
#include <string_view>

#include "lib/base/result.h"

namespace sidestep::policy {

struct Cron {
  std::bitset<60> minutes;
  std::bitset<24> hours;
  std::bitset<32> days;     // of the month, from 1
  std::bitset<13> months;   // from 1
  std::bitset<7> weekdays;  // 0: Sunday
  bool any_day = true;      // the day of the month begins with '*'
  bool any_weekday = true;

  bool has_day(int month, int day, int weekday) const;
};

// The error says what is wrong and how to write it.
Result<Cron> parse_cron(std::string_view text);

}  // namespace sidestep::policy
