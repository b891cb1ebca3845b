#include "lib/policy/schedule.h"

#include <algorithm>

#include "lib/policy/cron.h"
#include "lib/policy/time_zone.h"

namespace sidestep::policy {
namespace {

constexpr int kMostDays = 4 * 366;

std::optional<WallTime> first_of_day(const Cron& cron, std::chrono::local_days day, const TimeZone& zone,
                                     WallTime after) {
  for (std::size_t hour = 0; hour < 24; ++hour) {
    for (std::size_t minute = 0; cron.hours.test(hour) && minute < 60; ++minute) {
      if (!cron.minutes.test(minute)) continue;
      const auto at = zone.first(day, static_cast<int>(hour) * 60 + static_cast<int>(minute));
      if (at > after) return at;
    }
  }
  return std::nullopt;
}

bool is_on(const Cron& cron, std::chrono::local_days day) {
  const std::chrono::year_month_day date(day);
  return cron.has_day(static_cast<int>(static_cast<unsigned>(date.month())),
                      static_cast<int>(static_cast<unsigned>(date.day())),
                      static_cast<int>(std::chrono::weekday(day).c_encoding()));
}

}  // namespace

Result<std::optional<WallTime>> next_due(const Schedule& schedule, WallTime after) {
  const auto cron = parse_cron(schedule.cron);
  if (!cron) return cron.error();
  const auto zone = TimeZone::find(schedule.time_zone);
  if (!zone) return zone.error();
  std::chrono::local_days day = zone->day_of(after);
  for (int i = 0; i < kMostDays; ++i, day += std::chrono::days(1)) {
    if (!is_on(*cron, day)) continue;
    if (const auto found = first_of_day(*cron, day, *zone, after)) return found;
  }
  return std::optional<WallTime>();
}

Result<ScheduleLook> look_at(const Schedule& schedule, WallTime last, WallTime now) {
  ScheduleLook look;
  // At most one due time a minute, so the deadline bounds this loop.
  for (WallTime from = std::max(last, now - schedule.starting_deadline);;) {
    const auto next = next_due(schedule, from);
    if (!next) return next.error();
    if (!*next || **next > now) {
      look.next = *next;
      return look;
    }
    look.due = from = **next;
  }
}

}  // namespace sidestep::policy
