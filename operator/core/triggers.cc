#include "operator/core/triggers.h"

#include <algorithm>

#include "lib/policy/schedule.h"
#include "lib/policy/signature.h"
#include "operator/core/pins.h"
#include "operator/core/tokens.h"

namespace sidestep::op {
namespace {

constexpr Millis kUntilRead{200};  // the sources are being read
constexpr std::size_t kTokenDigits = 16;
constexpr Seconds kClocksDiffer{300};  // those of two replicas, at most

const api::Reload* last_started(const Observed& observed) {
  const auto named = [&](const api::Reload& reload) {
    return reload.meta.name == observed.policy->status.last_reload;
  };
  const auto found = std::find_if(observed.reloads.begin(), observed.reloads.end(), named);
  return found == observed.reloads.end() ? nullptr : &*found;
}

// The workload made all pods anew while it waited for that.
bool was_replaced(const api::Reload& reload) {
  return reload.status.phase == api::ReloadPhase::kAborted && reload.status.end_reason == "TemplateChanged";
}

// The pods run what that reload brought. New ones start with it too, unless it is pinned.
bool has_applied(const Observed& observed, const api::Reload& reload) {
  const bool replaced = was_replaced(reload) && !has_pins(observed);
  return !reload.status.config_hash.empty() &&
         (reload.status.phase == api::ReloadPhase::kSucceeded || replaced);
}

std::string hash_version(const std::string& hash) { return hash.substr(0, hash.find(':')); }

void set_applied(api::ReloadPolicyStatus& status, const std::string& hash) {
  if (status.applied_hash == hash) return;
  status.previous_hash = status.applied_hash;
  status.applied_hash = hash;
}

CreateReload wish(const api::ReloadPolicy& policy, const std::string& token, std::string reason) {
  return {api::reload_name(policy.meta.name, policy.meta.uid, token),
          {policy.meta.name, token, std::move(reason)}};
}

std::string sources_text(const policy::Triggers& triggers) {
  std::string text;
  for (const policy::Source& source : triggers.sources) text += (text.empty() ? "" : ", ") + source.text();
  return text.substr(0, 200);
}

// The Reload that ended last without having started, though people were asked to approve it. "" when there is
// none.
std::string last_asked_in_vain(const Queue& queue) {
  const auto found = std::find_if(queue.ended.begin(), queue.ended.end(), [](const api::Reload* reload) {
    return !reload->status.start_time && !reload->status.config_hash.empty();
  });
  return found == queue.ended.end() ? "" : "\n" + (*found)->meta.name;
}

void decide_sources(const Observed& observed, const Queue& queue, WallTime now, TriggerDecision& decision) {
  const api::ReloadPolicy& policy = *observed.policy;
  const policy::Triggers& triggers = policy.spec.triggers;
  const ObservedSources& sources = observed.sources;
  if (triggers.sources.empty()) return;
  if (sources.hash.empty()) {
    if (sources.problems.empty()) decision.look_again = kUntilRead;
    return;
  }
  api::ReloadPolicyStatus& status = decision.status;
  status.desired_hash = sources.hash;
  const api::Reload* last = last_started(observed);
  if (last != nullptr && has_applied(observed, *last) &&
      hash_version(last->status.config_hash) == hash_version(sources.hash))
    set_applied(status, last->status.config_hash);
  const bool is_first_sight = hash_version(status.applied_hash) != hash_version(sources.hash);
  if (is_first_sight) {
    decision.why.push_back("what " + sources_text(triggers) + " hold is adopted, not reloaded");
    set_applied(status, sources.hash);
  }
  for (const api::Reload* tried : {queue.running, last})
    if (tried != nullptr && tried->status.config_hash == sources.hash &&
        !(has_pins(observed) && was_replaced(*tried)))
      status.attempted_hash = sources.hash;
  // What somebody went back from is not tried again by itself.
  if (last != nullptr && last->spec.content == api::ReloadContent::kPrevious &&
      status.previous_hash == sources.hash)
    status.attempted_hash = sources.hash;
  if (status.applied_hash == sources.hash || status.attempted_hash == sources.hash) return;
  // The last run is a part of it, so that a content that comes back later is a new wish; so is one that was
  // superseded while it waited for approval.
  const std::string token = "config-" + policy::sha256_hex(sources.hash + "\n" + policy.status.last_reload +
                                                           last_asked_in_vain(queue))
                                            .substr(0, kTokenDigits);
  if (has_reload(observed, token)) {
    status.attempted_hash = sources.hash;
    return;
  }
  const auto due = policy::due_at(sources.changes, triggers.quiet_period, triggers.max_wait);
  if (!due || policy.spec.suspend) return;
  if (now < *due) {
    decision.look_again = std::chrono::ceil<Millis>(*due - now);
    return;
  }
  decision.why.push_back(sources_text(triggers) + " changed: a Reload is created");
  // Before another one ends as superseded, which would make this a new wish.
  if (policy.spec.guards.approvals.required > 0) status.attempted_hash = sources.hash;
  decision.create.push_back(wish(policy, token, "changed: " + sources_text(triggers)));
}

void decide_schedule(const Observed& observed, WallTime now, TriggerDecision& decision) {
  const api::ReloadPolicy& policy = *observed.policy;
  if (!policy.spec.triggers.schedule) return;
  std::optional<WallTime>& last = decision.status.last_schedule_time;
  // First seen: times before do not count. So it is after a leader whose clock was far ahead.
  if (!last || *last > now + kClocksDiffer) last = std::chrono::time_point_cast<Seconds>(now);
  const auto look = policy::look_at(*policy.spec.triggers.schedule, *last, now);
  if (!look) return;  // said by the condition Ready
  if (look->due) {
    const std::string token = "schedule-" + format_time(*look->due);
    if (has_reload(observed, token)) {
      last = look->due;
    } else if (!policy.spec.suspend) {
      decision.why.push_back("the schedule is due at " + format_time(*look->due) + ": a Reload is created");
      decision.create.push_back(wish(policy, token, "schedule " + policy.spec.triggers.schedule->cron));
    }
  }
  if (!look->next) return;
  const Millis wait = std::chrono::ceil<Millis>(*look->next - now);
  decision.look_again = std::min(decision.look_again.value_or(wait), wait);
}

// The copies of that source; null when it is not pinned.
const ObservedPin* pin_of(const Observed& observed, std::size_t source) {
  for (const ObservedPin& pin : observed.pins.pins)
    if (pin.source == source) return &pin;
  return nullptr;
}

}  // namespace

std::string keyed_hash(std::string_view install_key, std::string_view content_hash) {
  return std::string(content_hash.substr(0, content_hash.find(':'))) +
         ":hmac-sha256:" + policy::hmac_sha256_hex(install_key, content_hash);
}

std::string settled_hash(const Observed& observed) {
  const api::ReloadPolicyStatus& status = observed.policy->status;
  const std::string& hash = observed.sources.hash;
  const bool is_first_sight = hash_version(status.applied_hash) != hash_version(hash);
  const bool is_running =
      std::any_of(observed.reloads.begin(), observed.reloads.end(), [&](const api::Reload& reload) {
        return !api::is_final(reload.status.phase) && reload.status.config_hash == hash;
      });
  return is_running || is_first_sight || status.attempted_hash == hash ? hash : status.applied_hash;
}

TriggerDecision decide_triggers(const Observed& observed, const Queue& queue, WallTime now) {
  TriggerDecision decision;
  decision.status = observed.policy->status;
  decide_sources(observed, queue, now, decision);
  decide_schedule(observed, now, decision);
  return decision;
}

MountedLook mounted_look(const Observed& observed, const ObservedPod& pod) {
  const auto& wanted = observed.sources.contents;
  if (wanted.empty()) return {pod.mounts_config ? Mounted::kUnknown : Mounted::kCurrent, ""};
  if (!pod.sidecar) return {};
  bool is_known = true;
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    const policy::Source& source = observed.policy->spec.triggers.sources[i];
    const ObservedPin* pin = pin_of(observed, i);
    const std::string name =
        pin == nullptr ? wanted[i].source : policy::staged_text(observed.policy_name, source);
    const auto& reported = pod.sidecar->sources;
    const auto same = [&](const policy::SourceContent& each) { return each.source == name; };
    const auto found = std::find_if(reported.begin(), reported.end(), same);
    if (found == reported.end()) {
      is_known = false;
      continue;
    }
    const bool is_seen = pin == nullptr ? policy::counted(source, found->digests) == wanted[i].digests
                                        : found->digests == pin->staged.digests;
    if (!is_seen) return {Mounted::kBehind, wanted[i].source};
  }
  return {is_known ? Mounted::kCurrent : Mounted::kUnknown, ""};
}

std::string source_rule(policy::SourceKind kind, const std::vector<std::string>& names) {
  std::string list;
  for (const std::string& name : names) list += (list.empty() ? "" : ", ") + name;
  return std::string("{apiGroups: [\"\"], resources: [") +
         (kind == policy::SourceKind::kSecret ? "secrets" : "configmaps") + "], resourceNames: [" + list +
         "], verbs: [get, list, watch]}";
}

}  // namespace sidestep::op
