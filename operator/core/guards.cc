#include "operator/core/guards.h"

#include <algorithm>

#include "operator/core/commands.h"
#include "operator/core/pins.h"

namespace sidestep::op {
namespace {

using api::ConditionStatus;

GuardVerdict window_verdict(const policy::Guards& guards, WallTime now, std::optional<WallTime>& changes_at) {
  const auto look = policy::start_look(guards, now);
  if (!look) return {ConditionStatus::kUnknown, Reason::kInvalidSpec, "spec.guards." + look.error().detail};
  if (look->state == policy::StartLook::State::kOpen)
    return {ConditionStatus::kTrue, Reason::kWindowOpen, look->what};
  const bool is_frozen = look->state == policy::StartLook::State::kFreeze;
  changes_at = look->opens;
  return {ConditionStatus::kFalse, is_frozen ? Reason::kFreeze : Reason::kWindowClosed,
          look->what + (look->opens ? "; the reload may start at " + format_time(*look->opens)
                                    : "; no window opens after it")};
}

std::string names_of(const std::vector<std::string>& users) {
  std::string text;
  for (const std::string& user : users) text += (text.empty() ? "" : ", ") + user;
  return text;
}

GuardVerdict approval_verdict(const Observed& observed, const api::Reload& reload,
                              const std::string& asked_hash) {
  const policy::PolicySpec& spec = observed.policy->spec;
  const std::string hash = wanted_hash(observed, reload);
  if (!spec.triggers.sources.empty() && hash.empty())
    return {ConditionStatus::kFalse, Reason::kApprovalsMissing,
            "the named ConfigMaps and Secrets were not read yet, so nobody can approve what they hold"};
  if (asked_hash != hash)
    return {ConditionStatus::kFalse, Reason::kSourcesChanged,
            "the ConfigMaps and Secrets hold something else than what approval was asked for; the reload of "
            "that change asks anew"};
  const auto users = commands_of(reload.meta).approvers;
  const int missing = spec.guards.approvals.required - static_cast<int>(users.size());
  if (missing <= 0) return {ConditionStatus::kTrue, Reason::kApproved, "approved by " + names_of(users)};
  const std::string given =
      users.empty() ? "" : ", " + std::to_string(users.size()) + " given (" + names_of(users) + ")";
  return {ConditionStatus::kFalse, Reason::kApprovalsMissing,
          std::to_string(spec.guards.approvals.required) + " approvals are asked for" + given + ", until " +
              format_time(reload.meta.creation_time + spec.guards.approvals.deadline) +
              "; kubectl sidestep approve " + reload.meta.name};
}

void set_or_drop(const std::optional<GuardVerdict>& verdict, const char* type, api::ReloadStatus& status,
                 std::int64_t generation, WallTime now) {
  if (verdict)
    set_condition(status.conditions, type, verdict->status, to_string(verdict->reason), verdict->message,
                  generation, now);
  else
    std::erase_if(status.conditions, [&](const auto& each) { return each.type == type; });
}

}  // namespace

const GuardVerdict* GuardLook::waits_for() const {
  for (const auto* verdict : {&approved, &window})
    if (*verdict && (*verdict)->status != ConditionStatus::kTrue) return &**verdict;
  return nullptr;
}

GuardLook look_at_guards(const Observed& observed, const api::Reload& reload, WallTime now) {
  const policy::Guards& guards = observed.policy->spec.guards;
  GuardLook look;
  if (guards.has_times()) look.window = window_verdict(guards, now, look.changes_at);
  if (guards.approvals.required == 0) return look;
  const std::string& known = reload.status.config_hash;
  look.asked_hash = known.empty() ? wanted_hash(observed, reload) : known;
  look.approved = approval_verdict(observed, reload, look.asked_hash);
  if (look.approved->status == ConditionStatus::kTrue) return look;
  const WallTime deadline = reload.meta.creation_time + guards.approvals.deadline;
  look.is_too_late = now >= deadline;
  if (!look.is_too_late) look.changes_at = std::min(look.changes_at.value_or(deadline), deadline);
  return look;
}

void note_guards(const GuardLook& look, api::ReloadStatus& status, std::int64_t generation, WallTime now) {
  set_or_drop(look.window, condition::kWindowOpen, status, generation, now);
  set_or_drop(look.approved, condition::kApproved, status, generation, now);
  if (!look.asked_hash.empty()) status.config_hash = look.asked_hash;
}

// What is pinned was staged before the start and does not change any more.
bool has_left_approval(const Observed& observed, const api::Reload& reload, const api::ReloadStatus& status) {
  const policy::PolicySpec& spec = observed.policy->spec;
  const std::string& hash = observed.sources.hash;
  const auto& sources = spec.triggers.sources;
  const bool is_staged =
      std::all_of(sources.begin(), sources.end(), [](const auto& source) { return source.is_pinned(); });
  if (is_staged || reload.spec.content != api::ReloadContent::kSource) return false;
  return spec.guards.approvals.required > 0 && !status.config_hash.empty() && !hash.empty() &&
         hash != status.config_hash;
}

}  // namespace sidestep::op
