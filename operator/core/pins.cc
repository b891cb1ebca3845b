#include "operator/core/pins.h"

#include <algorithm>

#include "operator/core/fleet.h"

namespace sidestep::op {
namespace {

using policy::Copy;

bool has_copy(const ObservedCopy& copy) { return !copy.maker.empty(); }

// The hash that all copies of this kind share; "" when one is missing, or they are of different content.
std::string common_hash(const ObservedPins& pins, ObservedCopy ObservedPin::* which) {
  if (pins.pins.empty()) return {};
  const ObservedCopy& first = pins.pins.front().*which;
  const bool are_alike = std::all_of(pins.pins.begin(), pins.pins.end(), [&](const ObservedPin& pin) {
    return has_copy(pin.*which) && (pin.*which).hash == first.hash;
  });
  return are_alike ? first.hash : std::string();
}

bool is_staged_for(const ObservedPins& pins, const std::string& uid) {
  return std::all_of(pins.pins.begin(), pins.pins.end(),
                     [&](const ObservedPin& pin) { return pin.staged.maker == uid; });
}

Staging stage_sources(const Observed& observed, const api::Reload& reload) {
  Staging staging;
  const std::string& hash = observed.sources.hash;
  if (hash.empty()) {
    staging.waits = Obstacle{Reason::kSourceUnreadable,
                             "the pinned sources cannot be read; see condition SourcesReadable"};
  } else if (!is_staged_for(observed.pins, reload.meta.uid) ||
             common_hash(observed.pins, &ObservedPin::staged) != hash) {
    staging.actions.push_back(CopySources{Copy::kStaged, reload.meta.uid, ""});
  }
  return staging;
}

Staging stage_copies(const Observed& observed, const api::Reload& reload, Copy from,
                     ObservedCopy ObservedPin::* which) {
  Staging staging;
  const std::string hash = common_hash(observed.pins, which);
  if (is_staged_for(observed.pins, reload.meta.uid)) return staging;
  if (hash.empty() || hash == (from == Copy::kPrevious ? common_hash(observed.pins, &ObservedPin::kept) : "")) {
    staging.refused = Obstacle{Reason::kNoSuchContent,
                               "no " + std::string(to_string(from)) + " content of the pinned sources is there"};
    return staging;
  }
  for (const ObservedPin& pin : observed.pins.pins)
    staging.actions.push_back(CloneCopy{pin.source, from, Copy::kStaged, reload.meta.uid});
  return staging;
}

// The last reload of all pods that ended after it had started.
const api::Reload* last_full(const Queue& queue) {
  const auto found = std::find_if(queue.ended.begin(), queue.ended.end(), [](const api::Reload* reload) {
    return reload->status.start_time && reload->spec.pod.empty();
  });
  return found == queue.ended.end() ? nullptr : *found;
}

// Copies are written one after the other: an operator that died, or was refused, may have left a mix of two
// contents. A set that was begun is finished, whatever came of the reload.
bool must_be_kept(const ObservedPins& pins, const api::Reload& reload) {
  return reload.status.phase == api::ReloadPhase::kSucceeded ||
         std::any_of(pins.pins.begin(), pins.pins.end(),
                     [&](const ObservedPin& pin) { return pin.kept.maker == reload.meta.uid; });
}

// Of the snapshot that pods have which this reload promoted.
std::string config_of_promoted(const Fleet& fleet) {
  for (const Member& member : fleet.members)
    if (member.stance == Stance::kPromoted && member.pod->sidecar && !member.pod->sidecar->active_config.empty())
      return member.pod->sidecar->active_config;
  return {};
}

}  // namespace

bool has_pins(const Observed& observed) { return policy::has_pinned(observed.policy->spec.triggers); }

Staging staging_of(const Observed& observed, const api::Reload& reload) {
  const bool is_of_source = reload.spec.content == api::ReloadContent::kSource;
  Staging staging;
  if (!has_pins(observed)) {
    if (!is_of_source)
      staging.refused =
          Obstacle{Reason::kNoSuchContent,
                   "the policy pins no source, so no content is kept; write mode: Pinned in spec.triggers"};
    return staging;
  }
  if (!observed.pins.is_known) {
    staging.waits = Obstacle{Reason::kNotPinned, "the copies of pinned sources cannot be read; see condition " +
                                                     std::string(condition::kSourcesPinned)};
    return staging;
  }
  if (is_of_source) return stage_sources(observed, reload);
  return reload.spec.content == api::ReloadContent::kPrevious
             ? stage_copies(observed, reload, Copy::kPrevious, &ObservedPin::previous)
             : stage_copies(observed, reload, Copy::kKept, &ObservedPin::kept);
}

std::string wanted_hash(const Observed& observed, const api::Reload& reload) {
  if (!has_pins(observed)) return observed.sources.hash;
  const auto& pins = observed.pins.pins;
  const bool is_staged = !pins.empty() && std::all_of(pins.begin(), pins.end(), [&](const ObservedPin& pin) {
    return pin.staged.maker == reload.meta.uid;
  });
  if (is_staged) return common_hash(observed.pins, &ObservedPin::staged);
  switch (reload.spec.content) {
    case api::ReloadContent::kSource:
      return observed.sources.hash;
    case api::ReloadContent::kKept:
      return common_hash(observed.pins, &ObservedPin::kept);
    case api::ReloadContent::kPrevious:
      return common_hash(observed.pins, &ObservedPin::previous);
  }
  return {};
}

std::string config_hash_of(const Observed& observed, const api::Reload& reload) {
  if (!reload.spec.pod.empty()) return {};
  return has_pins(observed) ? common_hash(observed.pins, &ObservedPin::staged) : observed.sources.hash;
}

std::vector<Action> keep_staged(const Observed& observed, const api::Reload& reload) {
  std::vector<Action> actions;
  const std::string& uid = reload.meta.uid;
  for (const ObservedPin& pin : observed.pins.pins) {
    if (pin.staged.maker != uid || pin.kept.maker == uid) continue;
    const bool is_news = has_copy(pin.kept) && pin.kept.hash != pin.staged.hash;
    const bool is_saved = pin.previous.maker == pin.kept.maker && pin.previous.hash == pin.kept.hash;
    if (is_news && !is_saved) actions.push_back(CloneCopy{pin.source, Copy::kKept, Copy::kPrevious});
    actions.push_back(CloneCopy{pin.source, Copy::kStaged, Copy::kKept});
  }
  return actions;
}

std::vector<Action> settle_pins(const Observed& observed, const Queue& queue, const std::string& applied) {
  if (!has_pins(observed) || !observed.pins.is_known || queue.running != nullptr) return {};
  const api::Reload* last = last_full(queue);
  if (last != nullptr && must_be_kept(observed.pins, *last)) {
    if (auto actions = keep_staged(observed, *last); !actions.empty()) return actions;
  }
  if (!common_hash(observed.pins, &ObservedPin::kept).empty() || applied.empty()) return {};
  if (applied == observed.sources.hash) return {CopySources{Copy::kKept, kFirstSight, applied}};
  std::vector<Action> actions;
  if (common_hash(observed.pins, &ObservedPin::staged) == applied) {
    for (const ObservedPin& pin : observed.pins.pins)
      actions.push_back(CloneCopy{pin.source, Copy::kStaged, Copy::kKept});
  }
  return actions;
}

std::vector<CreateReload> late_pods(const Observed& observed, const Queue& queue) {
  std::vector<CreateReload> late;
  const api::Reload* last = last_full(queue);
  const bool is_busy = queue.running != nullptr || queue.next != nullptr || observed.policy->spec.suspend;
  if (is_busy || !has_pins(observed) || !observed.pins.is_known || last == nullptr) return late;
  const bool is_kept = std::all_of(observed.pins.pins.begin(), observed.pins.pins.end(),
                                   [&](const ObservedPin& pin) { return pin.kept.maker == last->meta.uid; });
  if (!is_kept || last->status.phase != api::ReloadPhase::kSucceeded) return late;
  const Fleet fleet = fleet_of(observed, *last, last->status.template_hash);
  const std::string wanted = config_of_promoted(fleet);
  const api::ObjectMeta& policy = observed.policy->meta;
  for (const Member& member : fleet.members) {
    const bool was_there = member.stance == Stance::kFree && member.pod->creation_time <= last->status.end_time;
    if (wanted.empty() || !was_there) continue;
    const std::string& own = member.pod->sidecar->active_config;
    if (own.empty() || own == wanted) continue;  // empty: asked before its app had started
    const std::string token = "late-" + member.pod->uid + "-" + last->meta.uid;
    std::string name = api::reload_name(policy.name, policy.uid, token);
    const bool is_made = std::any_of(observed.reloads.begin(), observed.reloads.end(),
                                     [&](const api::Reload& reload) { return reload.meta.name == name; });
    if (is_made) continue;
    late.push_back({std::move(name),
                    {policy.name, token, "was not ready for " + last->meta.name, member.pod->name,
                     api::ReloadContent::kKept}});
    break;  // one after the other: each takes its turn
  }
  return late;
}

}  // namespace sidestep::op
