#include <algorithm>

#include "operator/core/disruption.h"
#include "operator/core/order.h"
#include "operator/core/run.h"
#include "operator/core/triggers.h"

namespace sidestep::op {
namespace {

// Pods that still have to start a candidate: those born before the reload first.
std::vector<const Member*> free_pods(const Run& run, bool late_too) {
  std::vector<const Member*> order;
  for (const bool late : {false, true}) {
    if (late && !late_too && !order.empty()) break;
    std::vector<const Member*> free;
    for (const Member& member : run.fleet.members)
      if (member.stance == Stance::kFree && member.is_late == late) free.push_back(&member);
    free = in_order(run.seen, run.fleet, std::move(free), run.now);
    order.insert(order.end(), free.begin(), free.end());
  }
  return order;
}

}  // namespace

void Run::tell(EventType type, std::string_view reason, std::string action, const std::string& note) {
  out.events.push_back(EmitEvent{Subject::kReload, reload.meta.name, type, std::string(reason),
                                 std::move(action), api::clip(note, api::kMostMessageBytes)});
}

PodRef ref_of(const Member& member) { return {member.pod->name, member.pod->uid}; }

std::size_t last_step(const policy::Rollout& rollout) { return rollout.steps.size() - 1; }

bool is_promoting(const api::ReloadStatus& status, const policy::Rollout& rollout) {
  return status.step > static_cast<int>(last_step(rollout)) && !status.steps.empty() &&
         status.steps.back().end_time;
}

void start(Run& run, const Member& member) {
  const PodRef pod = ref_of(member);
  run.out.commands.push_back(SidecarPolicy{pod, member.run_id});
  run.out.commands.push_back(SidecarReload{pod, member.run_id, run.reload.spec.token, run.reload.spec.reason,
                                           "reload/" + run.reload.meta.name,
                                           run.rollout().progress_deadline});
  run.because(pod.name + " starts its candidate");
}

// Brings the pod's volumes up to date, or finds that they are. The annotation is the mark that it was chosen,
// too.
bool is_up_to_date(Run& run, const Member& member) {
  const MountedLook look = mounted_look(run.seen, *member.pod);
  const bool is_touched = member.refreshed_at.has_value();
  const bool again =
      look.mounted == Mounted::kBehind && is_touched && run.now >= *member.refreshed_at + kTouchAgain;
  if (!is_touched || again)
    run.out.commands.push_back(RefreshPod{ref_of(member), refresh_value(run.reload, run.now)});
  if (look.mounted == Mounted::kCurrent) return true;
  if (look.mounted == Mounted::kUnknown) return is_touched && run.now >= *member.refreshed_at + kRefreshWait;
  run.behind = member.pod->name + " does not see what " + look.behind + " holds now";
  run.look_in(kLookAtMounts);
  return false;
}

void start_candidates(Run& run, int wanted) {
  const bool is_last = run.status().step > static_cast<int>(last_step(run.rollout()));
  const int missing = wanted - run.fleet.participants();
  const int at_once = policy::pods_of(run.rollout().max_concurrent_pods, std::max(wanted, 1));
  int room = at_once - run.fleet.count(Stance::kStarting);
  int looked_at = 0;
  Disruptions disruptions(run.seen, run.fleet);
  for (const Member* member : free_pods(run, is_last)) {
    // The next ones are refreshed while the ones before them start, so that the wait is paid once.
    if (looked_at++ >= std::min(missing, 2 * at_once)) break;
    if (!is_up_to_date(run, *member) || room <= 0) continue;
    if (!disruptions.try_take(*member->pod)) {
      run.budget = member->pod->name + " waits: " + disruptions.refusal();
      continue;
    }
    start(run, *member);
    --room;
  }
}

}  // namespace sidestep::op
