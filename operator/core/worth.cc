#include "operator/core/worth.h"

namespace sidestep::op {
namespace {

// Sentences apart, what the conditions say.
void take_messages(std::vector<api::Condition>& conditions, const std::vector<api::Condition>& from) {
  for (api::Condition& condition : conditions) {
    const api::Condition* known = find_condition(from, condition.type);
    if (known != nullptr) condition.message = known->message;
  }
}

}  // namespace

bool is_worth_writing(const api::ReloadStatus& stored, const api::ReloadStatus& next, Millis details_later,
                      WallTime now) {
  if (next == stored) return false;
  if (!stored.progress_time || now - *stored.progress_time >= details_later) return true;
  if (*stored.progress_time > now)
    return true;  // the clock was set back; time limits count from what is stored
  api::ReloadStatus same = next;
  same.pods = stored.pods;
  same.progress_time = stored.progress_time;
  take_messages(same.conditions, stored.conditions);
  return same != stored;
}

bool is_worth_writing(const api::ReloadPolicyStatus& stored, const api::ReloadPolicyStatus& next,
                      std::optional<WallTime> moved, bool starts_soon, Millis details_later, WallTime now) {
  if (next == stored) return false;
  const bool is_moving = moved && now - *moved < details_later;
  if (!is_moving && !starts_soon) return true;
  api::ReloadPolicyStatus same = next;
  same.pods = stored.pods;
  take_messages(same.conditions, stored.conditions);
  if (starts_soon) same.desired_hash = stored.desired_hash;
  return same != stored;
}

}  // namespace sidestep::op
