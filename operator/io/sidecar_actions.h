// Actions of a plan that go to a sidecar → calls of its control API, and what its answers mean. Pure.
#pragma once

#include <optional>
#include <string>

#include "operator/core/observed.h"
#include "operator/core/plan.h"
#include "operator/io/apply.h"

namespace sidestep::op {

struct SidecarCommand {
  PodRef pod;
  std::string path;
  std::string body;
  std::string reload_id;  // for which it is given
  Millis at_most{0};      // a time limit of its own; 0: the usual one
};

// Nothing: the action is not for a sidecar.
std::optional<SidecarCommand> command_of(const Action& action, const Observed& observed);

struct CommandVerdict {
  Applied what = Applied::kAll;
  std::string error;
  std::optional<CommandRefusal> refusal;  // it will be refused again
};

// 2xx: done. 409: the sidecar's state is not what we thought, or it is busy: look again. 401, 429 and 5xx:
// later. Any other 4xx is a refusal for good, which the next decision sees.
CommandVerdict verdict_of(const SidecarReply& reply, const SidecarCommand& command);

}  // namespace sidestep::op
