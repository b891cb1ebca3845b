#include "operator/cli/lint.h"

#include "lib/policy/schedule.h"

namespace sidestep::op::cli {
namespace {

// What parse_policy leaves to machines with a time zone database.
std::vector<policy::Finding> check_times(const policy::Value& document, const policy::PolicySpec& spec) {
  std::vector<policy::Finding> findings;
  const policy::Value* schedule = policy::at_path(document, "spec.triggers.schedule");
  if (spec.triggers.schedule && schedule != nullptr) {
    const auto due = policy::next_due(*spec.triggers.schedule, WallTime{});
    if (!due)
      findings.push_back(
          {schedule->line, "spec.triggers.schedule", spec.triggers.schedule->time_zone, due.error().detail});
  }
  const policy::Value* windows = policy::at_path(document, "spec.guards.windows");
  if (const auto zones = policy::check_zones(spec.guards); !zones && windows != nullptr)
    findings.push_back({windows->line, "spec.guards", "", zones.error().detail});
  return findings;
}

}  // namespace

policy::LintLines lint(const std::vector<policy::LintFile>& inputs) {
  return policy::lint({}, inputs, check_times);
}

}  // namespace sidestep::op::cli
