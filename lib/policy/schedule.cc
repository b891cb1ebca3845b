#include "lib/policy/schedule.h"

#include <cctz/civil_time.h>
#include <cctz/time_zone.h>

#include <algorithm>

#include "lib/policy/cron.h"

namespace sidestep::policy {
namespace {

constexpr int kMostDays = 4 * 366;

WallTime instant_of(const cctz::civil_minute& local, const cctz::time_zone& zone) {
  const auto lookup = zone.lookup(cctz::civil_second(local));
  return lookup.kind == cctz::time_zone::civil_lookup::SKIPPED ? lookup.trans : lookup.pre;
}

std::optional<WallTime> first_of_day(const Cron& cron, const cctz::civil_day& day,
                                     const cctz::time_zone& zone, WallTime after) {
  for (std::size_t hour = 0; hour < 24; ++hour) {
    for (std::size_t minute = 0; cron.hours.test(hour) && minute < 60; ++minute) {
      if (!cron.minutes.test(minute)) continue;
      const auto at =
          instant_of(cctz::civil_minute(day) + static_cast<int>(hour) * 60 + static_cast<int>(minute), zone);
      if (at > after) return at;
    }
  }
  return std::nullopt;
}

}  // namespace

Result<std::optional<WallTime>> next_due(const Schedule& schedule, WallTime after) {
  const auto cron = parse_cron(schedule.cron);
  if (!cron) return cron.error();
  cctz::time_zone zone;
  if (!cctz::load_time_zone(schedule.time_zone, &zone))
    return invalid("timeZone: \"" + schedule.time_zone +
                   "\" is not in the time zone database; write for instance Europe/Berlin");
  cctz::civil_day day(cctz::convert(std::chrono::time_point_cast<cctz::seconds>(after), zone));
  for (int i = 0; i < kMostDays; ++i, ++day) {
    // cctz begins its week on Monday, cron on Sunday.
    const int weekday = (static_cast<int>(cctz::get_weekday(day)) + 1) % 7;
    if (!cron->has_day(day.month(), day.day(), weekday)) continue;
    if (const auto found = first_of_day(*cron, day, zone, after)) return found;
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
