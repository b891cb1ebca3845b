#include "operator/core/fleet.h"

#include <algorithm>
#include <charconv>
#include <tuple>

#include "operator/core/order.h"
#include "operator/core/version.h"

namespace sidestep::op {
namespace {

constexpr std::int64_t kMostUnixMs = 7'258'118'400'000;  // the year 2200: annotations may hold anything
constexpr int kMostAttempts = 3;  // of one pod whose proxy was restarted under the candidate

std::string attempt_id(const std::string& uid, int attempt) {
  return attempt == 1 ? uid : uid + "-" + std::to_string(attempt);
}

// The attempt that a sidecar's reload id names; 0 when it is not one of this reload.
int attempt_of(const std::string& id, const std::string& uid) {
  for (int attempt = 1; attempt <= kMostAttempts; ++attempt) {
    if (id == attempt_id(uid, attempt)) return attempt;
  }
  return 0;
}

std::optional<WallTime> refreshed_at(const std::string& value, const std::string& uid) {
  const auto dot = value.find('.');
  if (dot == std::string::npos || value.substr(dot + 1) != uid) return std::nullopt;
  std::int64_t count = 0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + dot, count);
  const bool is_time = error == std::errc{} && end == value.data() + dot && count >= 0 && count < kMostUnixMs;
  if (!is_time) return std::nullopt;
  return WallTime(Millis(count));
}

Stance stance_of_run(SidecarPhase phase) {
  switch (phase) {
    case SidecarPhase::kStarting:
      return Stance::kStarting;
    case SidecarPhase::kJudging:
      return Stance::kJudging;
    case SidecarPhase::kDraining:
    case SidecarPhase::kSucceeded:
    case SidecarPhase::kSuperseded:
      return Stance::kPromoted;
    case SidecarPhase::kFailed:
      return Stance::kFailed;
    case SidecarPhase::kAborted:
      return Stance::kTakenBack;
    case SidecarPhase::kInterrupted:
      return Stance::kFree;  // tried again
  }
  return Stance::kOutside;
}

void place_in_run(const SidecarRun& run, int attempt, const std::string& uid, Member& member) {
  member.stance = run.reason == "PodEnding" ? Stance::kOutside : stance_of_run(run.phase);
  member.run_id = run.id;
  member.generation = run.generation;
  member.weight = run.weight_per_ten_thousand;
  member.is_settled = run.phase != SidecarPhase::kDraining;
  member.reason = run.reason.empty() ? "Unknown" : run.reason;
  member.message = run.message;
  if (member.stance != Stance::kFree) return;
  member.run_id = attempt_id(uid, attempt + 1);
  if (attempt < kMostAttempts) return;
  member.stance = Stance::kFailed;
  member.message =
      "the sidecar's proxy was restarted under the candidate " + std::to_string(attempt) + " times";
}

// Of a pod whose sidecar answers and has no part in the reload.
void place_outside_run(const SidecarStatus& status, const std::string& uid, Member& member) {
  member.run_id = attempt_id(uid, 1);
  const bool is_busy = status.run && (status.run->phase == SidecarPhase::kStarting ||
                                      status.run->phase == SidecarPhase::kJudging);
  if (is_busy) {
    member.stance = Stance::kBusy;
    member.message = "reload " + status.run->id + " is under way in it";
  } else {
    member.stance = member.pod->is_ready ? Stance::kFree : Stance::kNotReady;
  }
}

void place(const Observed& observed, const api::Reload& reload, Member& member) {
  const ObservedPod& pod = *member.pod;
  const std::string& uid = reload.meta.uid;
  if (pod.reach != Reach::kReachable || !pod.sidecar) {
    member.stance = pod.is_ready || member.refreshed_at ? Stance::kUnreachable : Stance::kNotReady;
    member.reason = pod.reach == Reach::kRefused ? "Refused" : "Unreachable";
    member.message = pod.reach_message.empty() ? "the sidecar has not answered yet" : pod.reach_message;
    return;
  }
  const auto& run = pod.sidecar->run;
  const int attempt = run ? attempt_of(run->id, uid) : 0;
  if (attempt != 0) {
    place_in_run(*run, attempt, uid, member);
  } else {
    place_outside_run(*pod.sidecar, uid, member);
  }
  if (pod.refusal && pod.refusal->reload_id == member.run_id && member.stance == Stance::kFree) {
    member.stance = Stance::kFailed;
    member.reason = "Refused";
    member.message = "the sidecar refuses: " + pod.refusal->message;
  }
  if (!is_compatible(observed.operator_version, pod.sidecar->version) && member.stance == Stance::kFree) {
    member.stance = Stance::kIncompatible;
    member.reason = "Incompatible";
    member.message = "sidecar " + pod.sidecar->version + " and operator " + observed.operator_version +
                     " are more than one minor version apart";
  }
}

// The StatefulSet's owner keeps these pods as they are.
bool is_below_partition(const Observed& observed, const ObservedPod& pod) {
  return observed.workload && observed.workload->kind == "StatefulSet" &&
         ordinal_of(pod.name) < observed.workload->partition;
}

}  // namespace

int Fleet::count(Stance stance) const {
  return static_cast<int>(
      std::count_if(members.begin(), members.end(), [&](const Member& m) { return m.stance == stance; }));
}

bool has_part(const Member& member) {
  const bool is_silent = member.stance == Stance::kUnreachable && member.refreshed_at;
  return is_silent || member.stance == Stance::kStarting || member.stance == Stance::kJudging ||
         member.stance == Stance::kPromoted;
}

int Fleet::participants() const {
  return static_cast<int>(std::count_if(members.begin(), members.end(), has_part));
}

int Fleet::silent() const {
  return static_cast<int>(std::count_if(members.begin(), members.end(), [](const Member& member) {
    return member.stance == Stance::kUnreachable && member.refreshed_at;
  }));
}

const Member* Fleet::first(Stance stance) const {
  const auto found =
      std::find_if(members.begin(), members.end(), [&](const Member& m) { return m.stance == stance; });
  return found == members.end() ? nullptr : &*found;
}

Fleet fleet_of(const Observed& observed, const api::Reload& reload, const std::string& template_hash) {
  Fleet fleet;
  for (const ObservedPod& pod : observed.pods) {
    Member member;
    member.pod = &pod;
    member.is_late = reload.status.start_time && pod.creation_time > *reload.status.start_time;
    member.refreshed_at = refreshed_at(pod.refresh, reload.meta.uid);
    const bool is_other_template = !template_hash.empty() && pod.template_hash != template_hash;
    const bool is_other_pod = !reload.spec.pod.empty() && pod.name != reload.spec.pod;
    const bool is_left_alone = is_other_template || is_other_pod || is_below_partition(observed, pod);
    if (!pod.is_terminating && pod.has_sidecar && !is_left_alone)
      place(observed, reload, member);
    fleet.members.push_back(std::move(member));
  }
  std::sort(fleet.members.begin(), fleet.members.end(), [](const Member& a, const Member& b) {
    return std::tie(a.pod->creation_time, a.pod->name) < std::tie(b.pod->creation_time, b.pod->name);
  });
  return fleet;
}

std::string refresh_value(const api::Reload& reload, WallTime now) {
  const auto since_epoch = std::chrono::duration_cast<Millis>(now.time_since_epoch());
  return std::to_string(since_epoch.count()) + "." + reload.meta.uid;
}

}  // namespace sidestep::op
