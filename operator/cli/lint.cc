#include "operator/cli/lint.h"

#include "lib/policy/schedule.h"

namespace sidestep::op::cli {
namespace {

// What parse_policy leaves to machines with a time zone database.
std::vector<policy::Finding> check_schedule(const policy::Value& document, const policy::PolicySpec& spec) {
  const policy::Value* schedule = policy::at_path(document, "spec.triggers.schedule");
  if (!spec.triggers.schedule || schedule == nullptr) return {};
  const auto due = policy::next_due(*spec.triggers.schedule, WallTime{});
  if (due) return {};
  return {{schedule->line, "spec.triggers.schedule", spec.triggers.schedule->time_zone, due.error().detail}};
}

}  // namespace

policy::LintLines lint(const std::vector<policy::LintFile>& inputs) {
  return policy::lint({}, inputs, check_schedule);
}

}  // namespace sidestep::op::cli
