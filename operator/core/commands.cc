#include "operator/core/commands.h"

#include <algorithm>
#include <charconv>

namespace sidestep::op {
namespace {

bool is_set(const std::string& value) { return !value.empty() && value != "false"; }

Promotion promotion_of(const std::string& value) {
  if (!is_set(value)) return Promotion::kNone;
  if (value == "full") return Promotion::kFull;
  return value == "force" ? Promotion::kForce : Promotion::kSteps;
}

int number_of(const std::string& value) {
  int number = 0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
  return error == std::errc{} && end == value.data() + value.size() && number > 0 ? number : 0;
}

std::vector<std::string> approvers_of(const api::ObjectMeta& reload) {
  std::vector<std::string> users;
  for (const auto& [key, value] : reload.annotations)
    if (key.starts_with(api::kApprovePrefix) && !value.empty()) users.push_back(value);
  std::sort(users.begin(), users.end());
  users.erase(std::unique(users.begin(), users.end()), users.end());
  return users;
}

}  // namespace

Commands commands_of(const api::ObjectMeta& reload) {
  Commands commands;
  commands.promotion = promotion_of(reload.annotation(api::kPromoteAnnotation));
  const std::string abort = reload.annotation(api::kAbortAnnotation);
  if (is_set(abort)) commands.abort = abort == "true" ? "" : api::clip(abort, api::kMostMessageBytes);
  commands.pause = is_set(reload.annotation(api::kPauseAnnotation));
  commands.skip_steps = number_of(reload.annotation(api::kSkipStepAnnotation));
  commands.retry = is_set(reload.annotation(api::kRetryAnnotation));
  commands.approvers = approvers_of(reload);
  return commands;
}

}  // namespace sidestep::op
