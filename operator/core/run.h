// The working copy of one turn of a reload: what was observed, and the status and commands that come of it.
// Internal to rollout.cc (the walk through the steps), run_pause.cc (standing still) and run_end.cc
// (promotion, rollback, the end).
#pragma once

#include <string>

#include "lib/policy/steps.h"
#include "operator/core/commands.h"
#include "operator/core/conditions.h"
#include "operator/core/fleet.h"
#include "operator/core/rollout.h"

namespace sidestep::op {

// Until the kubelet has brought the volumes of a pod up to date that does not report what it sees.
inline constexpr Millis kRefreshWait{2'500};
inline constexpr Millis kTouchAgain{5'000};  // of a pod that reports something older
inline constexpr Millis kLookAtMounts{200};  // meanwhile
inline constexpr Millis kLookSoon{500};      // while something is expected to change
inline constexpr Millis kLookLater{1'000};   // while a step's pause runs: failures must be seen
inline constexpr Seconds kSilencePatience{
    60};  // with pods that do not answer, before a reload ends without them
inline constexpr int kTolerableSilence = 10;  // a step goes on while at most one pod in so many is silent
inline constexpr Seconds kDrainReserve{5};    // beyond drain.http.timeoutSeconds

struct Run {
  const Observed& seen;
  const api::Reload& reload;
  const policy::PolicySpec& spec;
  const Commands asked;
  WallTime now;
  Fleet fleet;
  RunTurn out;
  std::string behind;  // a pod whose candidate waits for the kubelet
  std::string budget;  // the PodDisruptionBudget that pods wait for, or ""

  Run(const Observed& observed, const api::Reload& of, WallTime at)
      : seen(observed), reload(of), spec(observed.policy->spec), asked(asked_of(of)), now(at) {
    out.status = of.status;
    fleet = fleet_of(observed, of, of.status.template_hash);
    come_to_now();
  }

  // What the other pods run was judged by them: a pod that catches up takes no steps.
  static Commands asked_of(const api::Reload& reload) {
    Commands asked = commands_of(reload.meta);
    const bool catches_up = reload.spec.content == api::ReloadContent::kKept;
    if (catches_up && asked.promotion == Promotion::kNone) asked.promotion = Promotion::kFull;
    return asked;
  }

  // Moments that lie ahead (the clock was set back, or was another leader's) count as now, and so does one
  // that is missing: a status may have been lost, or written by hand.
  void come_to_now();

  api::ReloadStatus& status() { return out.status; }
  const policy::Rollout& rollout() const { return spec.rollout; }
  void look_in(Millis delay) {
    if (!out.look_again || delay < *out.look_again) out.look_again = delay;
  }
  void look_soon() { look_in(fleet.members.size() > 200 ? kLookLater : kLookSoon); }
  void because(std::string sentence) { out.why.push_back(std::move(sentence)); }
  void tell(EventType type, std::string_view reason, std::string action, const std::string& note);
};

// Where the run stands, for the conditions.
struct Standing {
  Reason reason;
  std::string message;
};

PodRef ref_of(const Member& member);
bool is_promoting(const api::ReloadStatus& status, const policy::Rollout& rollout);
std::size_t last_step(const policy::Rollout& rollout);
// Starts candidates in pods that are free, as many as `wanted` pods and maxConcurrentPods allow, each once
// its mounted configuration is current.
void start_candidates(Run& run, int wanted);
void start(Run& run, const Member& member);

// run_pause.cc
// Why the run stands still; absent when it does not.
std::optional<Standing> standstill(const Run& run);
Standing stand_still(Run& run, Standing standing);
void go_on(Run& run);

// run_end.cc
void record_failures(Run& run);
// Why every candidate must be taken back, if it must.
struct Ending {
  api::ReloadPhase phase;
  std::string reason;
  std::string message;
};
std::optional<Ending> reason_to_roll_back(const Run& run);
// The same without failures: what people want.
std::optional<Ending> wish_to_roll_back(const Run& run);
Standing begin_rollback(Run& run, Ending ending);
Standing roll_back(Run& run);
Standing promote_all(Run& run);
Standing end_run(Run& run, Ending ending);

}  // namespace sidestep::op
