// What the outside may ask of the control thread: commands as plain values, and the one way in.
//
// The control API's threads fill in a Command, submit it, and wait (with a deadline of their own) for the
// reply; they never touch live state. Who may send what (Unix socket or TCP, signature, epoch) is decided
// before, in sidecar/admin.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "lib/base/clock.h"
#include "lib/base/error.h"
#include "lib/policy/spec.h"
#include "sidecar/core/types.h"

namespace sidestep::sidecar {

// The answer to a command that came to a worker just replaced: nothing was done, the next one does it.
inline Error taken_over() {
  return {ErrorKind::kUnavailable, Fault::kUs, Retry::kSafe, "another worker has just taken over: ask again"};
}

// Starts a candidate. An id that was seen before answers the same as then and starts nothing.
// kConflict: another reload is in Starting or Judging; kRefused: stopping, or suspended by the policy.
struct ReloadCommand {
  std::string id;  // empty: one is made up
  std::string token;
  std::string reason;  // the asker's words
  std::string requested_by;
  std::string policy_uid;                                // of the operator's policy; empty: asked for locally
  std::vector<std::string> command;                      // empty: as the active generation's
  std::vector<std::pair<std::string, std::string>> env;  // added to, or replacing, the active generation's
  std::optional<AppAddress> attach;                      // move to an app that somebody else started
  bool force = false;                      // start although memory is short; promote although active is dead
  bool managed = false;                    // weights by WeightCommand, the end by PromoteCommand
  std::vector<policy::RolloutStep> steps;  // empty: the policy's
  std::optional<Seconds> deadline;         // managed: silence for that long takes the candidate back
};

// kConflict unless that reload is in Judging.
struct WeightCommand {
  std::string reload;
  int weight_per_ten_thousand = 0;  // 0..10000
};

// Makes the candidate active now. `force`: in Starting too, and when active is dead. An empty reload means
// the running one.
struct PromoteCommand {
  std::string reload;
  bool force = false;
};

// Takes the candidate back. Idempotent: ok as well when that reload has ended already; kConflict once it was
// promoted.
struct AbortCommand {
  std::string reload;
  std::string reason;
};

// Steps wait, and the time limits of a step stand still. Idempotent.
struct PauseCommand {
  std::string reload;
};
struct ResumeCommand {
  std::string reload;
};

// For the next reload, and for restarts; kept over a restart of the proxy.
struct PolicyCommand {
  policy::PolicySpec spec;
  std::string policy_uid;
  std::string json;  // the spec as text, for the journal
};

// The pod ends (preStop hook). The reply comes when the pod may go.
struct PodEndingCommand {};

// Publishes a snapshot with fresh counters, then replies: what GET /v1/status and /metrics send first.
struct RefreshCommand {};

// Another worker, from the program that is on disk by now, takes over (sidestep upgrade). The reply comes
// when the parent has begun, with the upgrade's number in `reload`; kConflict: one is under way.
struct UpgradeCommand {
  std::string arguments;  // options in place of the present ones, each word ended by kWordEnd
};
inline constexpr char kWordEnd = '\x1f';

using Command = std::variant<ReloadCommand, WeightCommand, PromoteCommand, AbortCommand, PauseCommand,
                             ResumeCommand, PolicyCommand, PodEndingCommand, RefreshCommand, UpgradeCommand>;

struct CommandReply {
  std::optional<Error> error;  // none: done, or begun
  std::string reload;          // the id that the command was about, when there is one

  bool ok() const { return !error; }
};

class CommandSink {
 public:
  virtual ~CommandSink() = default;
  // Any thread; never blocks. `reply` is called exactly once, on the control thread, and must return quickly;
  // when the control loop has ended already it is called at once with kUnavailable.
  virtual void submit(Command command, std::function<void(CommandReply)> reply) = 0;
};

}  // namespace sidestep::sidecar
