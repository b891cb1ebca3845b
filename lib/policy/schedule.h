// When a cron schedule is due, in its time zone (IANA database, by cctz). Pure but for the database, which is
// read once per zone.
//
// A time that the clock skips (summer time begins) is due at the end of the gap; one that comes twice is due
// once, the first time.
#pragma once

#include <optional>

#include "lib/base/clock.h"
#include "lib/base/result.h"
#include "lib/policy/triggers.h"

namespace sidestep::policy {

// The first due time after `after`, within four years; nothing when there is none (30 February).
// Error: the expression or the zone is not known.
Result<std::optional<WallTime>> next_due(const Schedule& schedule, WallTime after);

struct ScheduleLook {
  std::optional<WallTime> due;   // the newest time in (last, now] that may still start
  std::optional<WallTime> next;  // after now
};
// `last`: the due time that was handled last, or when the schedule was first seen.
Result<ScheduleLook> look_at(const Schedule& schedule, WallTime last, WallTime now);

}  // namespace sidestep::policy
