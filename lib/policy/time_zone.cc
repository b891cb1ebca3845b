#include "lib/policy/time_zone.h"

#include <cctz/civil_time.h>
#include <cctz/time_zone.h>

namespace sidestep::policy {
namespace {

cctz::civil_second civil_time(std::chrono::local_days day, int minute) {
  const cctz::civil_day date = cctz::civil_day(1970, 1, 1) + day.time_since_epoch().count();
  return cctz::civil_second(cctz::civil_minute(date) + minute);
}

}  // namespace

struct TimeZone::Rules {
  cctz::time_zone zone;
};

Result<TimeZone> TimeZone::find(const std::string& name) {
  Rules rules;
  if (!cctz::load_time_zone(name, &rules.zone))
    return invalid("timeZone: \"" + name +
                   "\" is not in the time zone database; write for instance Europe/Berlin");
  return TimeZone(std::make_shared<const Rules>(rules));
}

std::chrono::local_days TimeZone::day_of(WallTime time) const {
  const cctz::civil_day day(cctz::convert(std::chrono::time_point_cast<cctz::seconds>(time), rules_->zone));
  return std::chrono::local_days(std::chrono::days(day - cctz::civil_day(1970, 1, 1)));
}

WallTime TimeZone::first(std::chrono::local_days day, int minute) const {
  const auto found = rules_->zone.lookup(civil_time(day, minute));
  return found.kind == cctz::time_zone::civil_lookup::SKIPPED ? found.trans : found.pre;
}

WallTime TimeZone::last(std::chrono::local_days day, int minute) const {
  const auto found = rules_->zone.lookup(civil_time(day, minute));
  return found.kind == cctz::time_zone::civil_lookup::SKIPPED ? found.trans : found.post;
}

}  // namespace sidestep::policy
