// The pods of a policy as one reload sees them: where each stands, told from what its sidecar reports. No
// memory: after a restart of the operator the same picture comes out. Pure.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "operator/core/observed.h"

namespace sidestep::op {

enum class Stance : std::uint8_t {
  kOutside,  // ends, has no sidecar, belongs to another template or below the partition: not our business
  kIncompatible,  // its sidecar's version is too far from ours
  kUnreachable,   // its sidecar does not answer, or refuses us
  kNotReady,      // no part yet and not Ready: never waited for
  kBusy,          // somebody else's reload is under way in it
  kFree,          // may start a candidate
  kStarting,      // its candidate starts
  kJudging,       // its candidate answers and has some weight
  kPromoted,      // the candidate became active; `is_settled` once the retiring generation is gone
  kFailed,        // its candidate was taken back by itself
  kTakenBack,     // because somebody asked
};

struct Member {
  const ObservedPod* pod = nullptr;
  Stance stance = Stance::kOutside;
  std::string run_id;       // of the attempt that runs, ran last, or (kFree) would be started
  bool is_late = false;     // born after the reload began
  bool is_settled = false;  // of kPromoted
  int generation = 0;
  int weight = 0;
  std::string reason;  // of kFailed, kTakenBack, kUnreachable, kIncompatible
  std::string message;
  std::optional<WallTime> refreshed_at;  // for this reload
};

// It was chosen: its candidate starts, serves or was promoted, or it was refreshed for this reload and does
// not answer now (so that a pause of an answer does not move a canary to another pod).
bool has_part(const Member& member);

struct Fleet {
  std::vector<Member> members;  // one per pod, oldest pod first, then by name

  int count(Stance stance) const;
  int participants() const;  // those of has_part()
  int silent() const;        // those that do not answer and were chosen before
  const Member* first(Stance stance) const;
};

// `template_hash` "": pods of every template.
Fleet fleet_of(const Observed& observed, const api::Reload& reload, const std::string& template_hash);

// Value of the pod annotation sidestep.dev/refresh for this reload: "<Unix ms>.<reload uid>".
std::string refresh_value(const api::Reload& reload, WallTime now);

}  // namespace sidestep::op
