// Times of day in a zone of the IANA database (by cctz): where schedules and windows meet the clock changes.
// Pure but for the database, which is read once per zone.
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "lib/base/clock.h"
#include "lib/base/result.h"

namespace sidestep::policy {

class TimeZone {
 public:
  // Error: the database has no zone of that name; the detail names it and how to write one.
  static Result<TimeZone> find(const std::string& name);

  std::chrono::local_days day_of(WallTime time) const;
  // When the clock shows `minute` (0..1440, from midnight) of that day. One that it skips: the end of the
  // gap. One that it shows twice: the first and the last time.
  WallTime first(std::chrono::local_days day, int minute) const;
  WallTime last(std::chrono::local_days day, int minute) const;

 private:
  struct Rules;
  explicit TimeZone(std::shared_ptr<const Rules> rules) : rules_(std::move(rules)) {}
  std::shared_ptr<const Rules> rules_;  // never null
};

}  // namespace sidestep::policy
