// What people ask of a Reload by its annotations. Pure: reads values, does nothing.
//
// Annotations are state and come back (rollout undo, GitOps, backups), so each command is one that may be
// seen any number of times: a step is skipped by its number, a retry is a Reload whose token is made from
// this one's UID, and what runs no longer hears nothing.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "operator/api/reload.h"

namespace sidestep::op {

enum class Promotion : std::uint8_t {
  kNone,
  kSteps,  // "true": the remaining steps and pauses are skipped; pods become ready and are judged as always
  kFull,   // "full": the wait for traffic and the fleet's analysis are skipped too
  kForce,  // "force": each candidate is promoted at once, ready or not; what fails is left behind (Split)
};

struct Commands {
  Promotion promotion = Promotion::kNone;
  std::optional<std::string> abort;  // the reason, "" when none was given
  bool pause = false;
  int skip_steps = 0;                  // steps up to this number end as soon as their pods have the weight
  bool retry = false;                  // once it is over and did not succeed
  std::vector<std::string> approvers;  // users, in order, each once; the API server sees that they are
};

// "" and "false" ask for nothing. A number of a step that is none asks for nothing.
Commands commands_of(const api::ObjectMeta& reload);

}  // namespace sidestep::op
