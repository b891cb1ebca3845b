#include "operator/core/reconcile.h"

#include <algorithm>

#include "operator/core/admission.h"
#include "operator/core/commands.h"
#include "operator/core/conditions.h"
#include "operator/core/fleet.h"
#include "operator/core/guards.h"
#include "operator/core/left_copies.h"
#include "operator/core/pins.h"
#include "operator/core/queue.h"
#include "operator/core/rollout.h"
#include "operator/core/tokens.h"
#include "operator/core/triggers.h"
#include "operator/core/worth.h"

namespace sidestep::op {
namespace {

constexpr Millis kAtOnce{0};
constexpr Millis kLookForSidecars{1'000};  // a reload waits for them
constexpr Millis kLookForTurn{1'000};      // a reload waits for others
constexpr Millis kLookForCopies{5'000};    // of pinned sources, which could not be read
constexpr Millis kLookForRights{30'000};   // to copies that nobody needs
constexpr Millis kStartsSoon{10'000};      // a change of sources settles
constexpr Millis kSoonest{100};            // a pod that does not answer is looked at again

// One reconcile: what is seen, and the plan that grows.
struct Turn {
  const Observed& seen;
  WallTime now;
  Plan plan{};
  const api::Reload* begun = nullptr;    // the Reload that this turn starts
  std::string begun_hash = {};           // the content that it brings to all pods; "" when it brings none
  std::optional<GuardLook> guards = {};  // of the newest Reload that waits
  std::vector<Action> copying = {};      // follows the status, which remembers of what there are copies

  void act(Action action) { plan.actions.push_back(std::move(action)); }
  void look_in(Millis delay) {
    if (!plan.requeue_after || delay < *plan.requeue_after) plan.requeue_after = delay;
  }
  void because(std::string sentence) { plan.decisions.push_back(std::move(sentence)); }
  void write(const api::Reload& reload, api::ReloadStatus status) {
    if (!is_worth_writing(reload.status, status, details_later(seen.rest), now)) return;
    act(PatchReloadStatus{reload.meta.name, std::move(status)});
  }
};

// A reload that never started ends.
void end_unstarted(Turn& turn, const api::Reload& reload, Reason reason, std::string message) {
  api::ReloadStatus status = reload.status;
  status.phase = status.end_phase = api::ReloadPhase::kAborted;
  status.end_time = turn.now;
  status.end_reason = to_string(reason);
  status.end_message = api::clip(message, api::kMostMessageBytes);
  set_reload_conditions(status, reload.meta.generation, reason, status.end_message, turn.now);
  turn.because(reload.meta.name + " ends before it started: " + status.end_reason);
  turn.act(PatchReloadStatus{reload.meta.name, std::move(status)});
  turn.look_in(kAtOnce);
}

void wait(Turn& turn, const api::Reload& reload, Reason reason, const std::string& message) {
  api::ReloadStatus status = reload.status;
  status.phase = api::ReloadPhase::kPending;
  set_reload_conditions(status, reload.meta.generation, reason, message, turn.now);
  if (turn.guards) note_guards(*turn.guards, status, reload.meta.generation, turn.now);
  turn.write(reload, std::move(status));
}

// `stored` is what the API server has. Events come before commands: a pod that hangs ends the plan, and the
// next look tells nothing.
void carry_out(Turn& turn, const api::Reload& stored, RunTurn run) {
  const bool is_over = is_final(run.status.phase);
  turn.write(stored, std::move(run.status));
  for (Action& event : run.events) turn.act(std::move(event));
  for (Action& command : run.commands) turn.act(std::move(command));
  for (std::string& sentence : run.why) turn.because(stored.meta.name + ": " + sentence);
  if (run.look_again) turn.look_in(*run.look_again);
  if (is_over) turn.look_in(kAtOnce);
}

// Should the writes that follow be refused for good, those who wait behind it do so no longer.
void leave_line(Turn& turn, const api::Reload& reload) {
  const api::Condition* progress = find_condition(reload.status.conditions, condition::kProgressing);
  if (progress == nullptr || progress->reason != to_string(Reason::kBudget)) return;
  wait(turn, reload, Reason::kStarting, "has its place and is to start");
}

// The run's first turn is decided in the same look: fewer writes, and candidates start sooner.
void begin(Turn& turn, const api::Reload& reload) {
  const api::ObjectMeta& policy = turn.seen.policy->meta;
  const Budget& budget = turn.seen.budget;
  if (budget.in_cluster > 0 || budget.in_namespace > 0) {
    turn.act(TakeSlot{reload.meta.name});
    leave_line(turn, reload);
  }
  if (!policy.has_finalizer()) turn.act(AddFinalizer{Subject::kPolicy, policy.name});
  if (!reload.meta.has_finalizer()) turn.act(AddFinalizer{Subject::kReload, reload.meta.name});
  turn.because(reload.meta.name + " starts");
  turn.begun = &reload;
  api::Reload started = reload;
  started.status = begin_run(turn.seen, reload, turn.now);
  if (turn.guards) note_guards(*turn.guards, started.status, reload.meta.generation, turn.now);
  if (!reload.spec.pod.empty()) started.status.config_hash.clear();  // it is no news about the others
  turn.begun_hash = started.status.config_hash;
  RunTurn run = advance_run(turn.seen, started, turn.now);
  EmitEvent told{
      Subject::kReload,
      reload.meta.name,
      EventType::kNormal,
      "ReloadStarted",
      "Start",
      "token " + reload.spec.token + (reload.spec.reason.empty() ? "" : ": " + reload.spec.reason)};
  run.events.insert(run.events.begin(), std::move(told));
  carry_out(turn, reload, std::move(run));
}

// Why a Reload that waits must not start any more.
std::optional<Obstacle> end_of_waiting(const Turn& turn, const api::Reload& reload, const Commands& asked) {
  if (reload.meta.deletion_time) return Obstacle{Reason::kAbortedByUser, "deleted before it started"};
  if (asked.abort)
    return Obstacle{Reason::kAbortedByUser,
                    asked.abort->empty() ? "aborted before it started" : *asked.abort};
  if (turn.seen.policy->meta.deletion_time)
    return Obstacle{Reason::kPolicyDeleted, "the ReloadPolicy is being deleted"};
  if (turn.guards->is_too_late)
    return Obstacle{Reason::kApprovalDeadlineExceeded,
                    "too few people approved it in time; kubectl sidestep retry asks again"};
  return std::nullopt;
}

// Ends it in that case. False: it goes on waiting, or starts.
bool ends_unstarted(Turn& turn, const api::Reload& reload) {
  turn.guards = look_at_guards(turn.seen, reload, turn.now);
  const auto end = end_of_waiting(turn, reload, commands_of(reload.meta));
  if (end) end_unstarted(turn, reload, end->reason, end->message);
  return end.has_value();
}

// What it waits for that the policy's guards, or other reloads, make it wait for. True when it waits.
bool waits_by_rule(Turn& turn, const Queue& queue, const api::Reload& reload) {
  if (const GuardVerdict* guard = turn.guards->waits_for()) {
    wait(turn, reload, guard->reason, guard->message);
    return true;
  }
  const auto waits = admission_of(turn.seen, reload, queue.last_started(), turn.now);
  if (!waits) return false;
  wait(turn, reload, waits->reason, waits->message);
  turn.look_in(kLookForTurn);
  return true;
}

// The one pod that a reload is for is not there, or cannot be reloaded.
bool lacks_its_pod(Turn& turn, const api::Reload& reload) {
  const std::string& name = reload.spec.pod;
  if (name.empty()) return false;
  const auto& pods = turn.seen.pods;
  const auto found = std::find_if(pods.begin(), pods.end(), [&](const ObservedPod& pod) {
    return pod.name == name && !pod.is_terminating;
  });
  if (found == pods.end()) {
    end_unstarted(turn, reload, Reason::kNoPods,
                  "spec.podName: " + name + " is none of the policy's pods; see kubectl get pods");
  } else if (!found->has_sidecar) {
    end_unstarted(
        turn, reload, Reason::kNoSidecar,
        "spec.podName: " + name + " has no sidecar; make it anew with the label sidestep.dev/inject");
  } else {
    return false;
  }
  return true;
}

// True: its content comes first, or there is none.
bool prepares_content(Turn& turn, const api::Reload& reload) {
  Staging staging = staging_of(turn.seen, reload);
  if (staging.refused) {
    end_unstarted(turn, reload, staging.refused->reason, staging.refused->message);
  } else if (staging.waits) {
    wait(turn, reload, staging.waits->reason, staging.waits->message);
    turn.look_in(kLookForTurn);
  } else if (!staging.actions.empty()) {
    turn.because("the content of " + reload.meta.name + " is copied before it begins");
    turn.copying = std::move(staging.actions);
    turn.look_in(kAtOnce);
  } else {
    return false;
  }
  return true;
}

// The reload whose turn it is: it ends, goes on waiting, or starts. True when it may start as soon as it can.
bool consider_next(Turn& turn, const Queue& queue) {
  const api::Reload& reload = *queue.next;
  if (ends_unstarted(turn, reload)) return false;
  if (turn.guards->changes_at)
    turn.look_in(std::max(kSoonest, std::chrono::ceil<Millis>(*turn.guards->changes_at - turn.now)));
  if (queue.running != nullptr) {
    wait(turn, reload, Reason::kWaiting, "waits for the end of " + queue.running->meta.name);
    return true;
  }
  const auto obstacle = obstacle_of(turn.seen);
  if (obstacle && obstacle->reason == Reason::kNoPods && turn.seen.workload &&
      turn.seen.workload->replicas == 0) {
    end_unstarted(turn, reload, Reason::kNoPods, "the workload is scaled to zero");
    return false;
  }
  if (obstacle) {
    wait(turn, reload, obstacle->reason, obstacle->message);
    turn.look_in(kLookForSidecars);
    return false;
  }
  if (lacks_its_pod(turn, reload)) return false;
  if (commands_of(reload.meta).pause) {
    wait(turn, reload, Reason::kPaused, "paused by annotation before it started");
    return false;
  }
  if (waits_by_rule(turn, queue, reload)) return false;
  if (prepares_content(turn, reload)) return true;
  begin(turn, reload);
  return true;
}

void remove_finalizers(Turn& turn, const Queue& queue, bool keep_policy) {
  for (const api::Reload* reload : queue.ended) {
    if (reload->meta.has_finalizer()) turn.act(RemoveFinalizer{Subject::kReload, reload->meta.name});
  }
  const bool in_use = keep_policy || queue.running != nullptr;
  if (!in_use && turn.seen.policy && turn.seen.policy->meta.has_finalizer()) {
    turn.act(RemoveFinalizer{Subject::kPolicy, turn.seen.policy->meta.name});
  }
}

void forget_history(Turn& turn, const Queue& queue) {
  const policy::PolicySpec& spec = turn.seen.policy->spec;
  const auto keep = static_cast<std::size_t>(spec.history_limit);
  // The interval counts from its end.
  const api::Reload* kept = spec.guards.minimum_interval.count() > 0 ? queue.last_started() : nullptr;
  for (std::size_t i = keep; i < queue.ended.size(); ++i) {
    const api::ObjectMeta& meta = queue.ended[i]->meta;
    if (!meta.deletion_time && queue.ended[i] != kept) turn.act(DeleteReload{meta.name, meta.uid});
  }
}

// Pods that serve what the newest reload brought: it promoted them, or they were born after it began.
api::PodCounts policy_pods(const Observed& seen, const api::Reload* newest) {
  api::PodCounts counts;
  for (const ObservedPod& pod : seen.pods) {
    if (pod.is_terminating) continue;
    ++counts.desired;
    if (pod.is_ready && pod.reach == Reach::kReachable) ++counts.ready;
  }
  if (newest == nullptr || !newest->status.start_time) return counts;
  if (!newest->spec.pod.empty()) {  // the others serve what they served before
    counts.updated = std::min(seen.policy->status.pods.updated, counts.desired);
    counts.failed = newest->status.pods.failed;
    return counts;
  }
  for (const Member& member : fleet_of(seen, *newest, "").members) {
    const bool born_later = member.stance == Stance::kFree && member.is_late;
    if (member.stance == Stance::kPromoted || born_later) ++counts.updated;
  }
  counts.failed = newest->status.pods.failed;
  return counts;
}

// A condition that turned bad is an Event, once.
void tell_when(Turn& turn, const api::ReloadPolicyStatus& next, const char* type, api::ConditionStatus bad,
               const char* action) {
  const api::Condition* before = find_condition(turn.seen.policy->status.conditions, type);
  const api::Condition* after = find_condition(next.conditions, type);
  const bool was = before != nullptr && before->status == bad;
  if (was || after == nullptr || after->status != bad) return;
  turn.act(EmitEvent{Subject::kPolicy, turn.seen.policy->meta.name, EventType::kWarning, after->reason,
                     action, after->message});
}

void tell_what_changed(Turn& turn, const api::ReloadPolicyStatus& next) {
  tell_when(turn, next, condition::kStalled, api::ConditionStatus::kTrue, "Stall");
  tell_when(turn, next, condition::kSourcesReadable, api::ConditionStatus::kFalse, "ReadSources");
  tell_when(turn, next, condition::kSourceNotPinnable, api::ConditionStatus::kTrue, "Pin");
}

// What is wished for is made in this turn, or at the end of a quiet period that ends soon.
bool starts_soon(const Turn& turn, const TriggerDecision& triggers) {
  const bool is_made =
      std::any_of(turn.plan.actions.begin(), turn.plan.actions.end(),
                  [](const Action& action) { return std::holds_alternative<CreateReload>(action); });
  const bool differs = triggers.status.desired_hash != triggers.status.applied_hash;
  return is_made || (differs && triggers.look_again && *triggers.look_again <= kStartsSoon);
}

// Nothing stands in the way of a Reload that is made now.
bool begins_at_once(const Turn& turn, const Queue& queue) {
  const policy::PolicySpec& spec = turn.seen.policy->spec;
  const bool has_turn = turn.seen.budget.in_cluster == 0 && turn.seen.budget.in_namespace == 0 &&
                        spec.depends_on.empty() && spec.guards.minimum_interval.count() == 0 &&
                        spec.guards.approvals.required == 0 && !spec.guards.has_times();
  return has_turn && queue.running == nullptr && queue.next == nullptr && !obstacle_of(turn.seen);
}

void create_reload(Turn& turn, CreateReload create) {
  const api::ObjectMeta& policy = turn.seen.policy->meta;
  if (create.begins && !policy.has_finalizer()) turn.act(AddFinalizer{Subject::kPolicy, policy.name});
  turn.act(std::move(create));
  turn.look_in(kAtOnce);
}

void write_policy_status(Turn& turn, const Queue& queue, TokenDecision tokens, TriggerDecision triggers) {
  const bool is_soon = starts_soon(turn, triggers);
  api::ReloadPolicyStatus next = std::move(triggers.status);
  const bool tries_it = !turn.begun_hash.empty() && turn.begun_hash == turn.seen.sources.hash;
  if (tries_it) next.attempted_hash = turn.begun_hash;  // as the next look would find
  const api::ReloadPolicy& policy = *turn.seen.policy;
  const api::Reload* running = queue.running != nullptr ? queue.running : turn.begun;
  const api::Reload* newest = running != nullptr ? running : queue.last();
  next.observed_generation = policy.meta.generation;
  next.handled_tokens = std::move(tokens.handled);
  next.target_uid = std::move(tokens.target_uid);
  if (running != nullptr) next.last_reload = running->meta.name;
  const auto obstacle = obstacle_of(turn.seen);
  const bool is_known = !obstacle || obstacle->reason != Reason::kNotAsked;
  if (is_known) next.pods = policy_pods(turn.seen, newest);
  next.pinned_sources = sources_with_copies(turn.seen);
  next.conditions = policy_conditions(turn.seen, running, queue.last(), turn.now);
  const std::optional<WallTime> moved =
      queue.running != nullptr ? queue.running->status.progress_time : std::nullopt;
  const Millis later = details_later(turn.seen.rest);
  if (!is_worth_writing(policy.status, next, moved, is_soon, later, turn.now)) return;
  tell_what_changed(turn, next);
  turn.act(PatchPolicyStatus{std::move(next)});
}

// The policy is gone, or was never there. Its sidecars go back by themselves when they hear nothing.
void reconcile_orphans(Turn& turn) {
  for (const api::Reload& reload : turn.seen.reloads) {
    if (is_final(reload.status.phase)) continue;
    if (commands_of(reload.meta).abort && !reload.status.start_time) {
      end_unstarted(turn, reload, Reason::kAbortedByUser, "aborted before it started");
    } else if (reload.status.start_time || reload.meta.deletion_time) {
      end_unstarted(turn, reload, Reason::kPolicyDeleted,
                    "the ReloadPolicy was deleted while the reload ran, or was to run");
    } else {
      wait(turn, reload, Reason::kPolicyNotFound,
           "no ReloadPolicy named " + turn.seen.policy_name + "; create it");
    }
  }
  remove_finalizers(turn, queue_of(turn.seen), false);
}

// Nothing may hold up the end of a namespace.
void leave_namespace(Turn& turn) {
  for (const api::Reload& reload : turn.seen.reloads) {
    if (reload.meta.has_finalizer()) turn.act(RemoveFinalizer{Subject::kReload, reload.meta.name});
  }
  if (turn.seen.policy && turn.seen.policy->meta.has_finalizer()) {
    turn.act(RemoveFinalizer{Subject::kPolicy, turn.seen.policy->meta.name});
  }
}

// Nobody wakes us when a right is granted, or when what went wrong has passed.
void remove_left(Turn& turn, const Queue& queue) {
  for (const LeftPin& left : turn.seen.left)
    if (!left.problem.empty()) turn.look_in(kLookForRights);
  for (RemoveCopy& removal : copies_to_remove(turn.seen, queue)) {
    turn.because(removal.copy.object + " goes: its source is pinned no longer, and no pod mounts it");
    turn.act(std::move(removal));
    turn.look_in(kAtOnce);
  }
}

// After the status: should the API server refuse the copies for good, it says so.
void settle(Turn& turn, std::vector<Action> copies) {
  for (Action& copy : turn.copying) turn.act(std::move(copy));
  if (has_pins(turn.seen) && !turn.seen.pins.is_known) turn.look_in(kLookForCopies);
  if (copies.empty()) return;
  turn.because("what the pods run is kept for new pods");
  const std::string& policy = turn.seen.policy->meta.name;
  for (Action& copy : copies) turn.act(std::move(copy));
  turn.act(EmitEvent{Subject::kPolicy, policy, EventType::kNormal, "SourcesPinned", "Pin",
                     "what the pods run is kept: new pods start with it"});
  turn.look_in(kAtOnce);
}

void reconcile_policy(Turn& turn) {
  const Queue queue = queue_of(turn.seen);
  const bool is_leaving = turn.seen.policy->meta.deletion_time.has_value();
  TokenDecision tokens = decide_tokens(turn.seen);
  decide_retry(turn.seen, queue, tokens);
  TriggerDecision triggers = decide_triggers(turn.seen, queue, turn.now);
  for (std::string& sentence : tokens.why) turn.because(std::move(sentence));
  for (std::string& sentence : triggers.why) turn.because(std::move(sentence));
  auto late = late_pods(turn.seen, queue);
  for (const CreateReload& each : late) turn.because("pod " + each.spec.pod + " " + each.spec.reason);
  bool begins = false;  // something that is created now
  if (!is_leaving) {
    for (auto* list : {&tokens.create, &triggers.create, &late})
      for (CreateReload& create : *list) {
        create.begins = begins_at_once(turn, queue);
        begins |= create.begins;
        create_reload(turn, std::move(create));
      }
    for (MarkPod& mark : tokens.marks) turn.act(std::move(mark));
    if (triggers.look_again) turn.look_in(*triggers.look_again);
  }
  for (const api::Reload* reload : queue.superseded) {
    end_unstarted(turn, *reload, Reason::kSuperseded,
                  queue.next->meta.name + " was asked for later and runs instead");
  }
  if (const api::Reload* running = queue.running; running != nullptr)
    carry_out(turn, *running, advance_run(turn.seen, *running, turn.now));
  for (const api::Reload* reload : queue.later)
    if (!ends_unstarted(turn, *reload))
      wait(turn, *reload, Reason::kWaiting, "waits for the end of " + queue.next->meta.name);
  auto settling = settle_pins(turn.seen, queue, triggers.status.applied_hash);
  const bool is_settled = settling.empty() || is_leaving;
  const bool wants_to_start = !is_settled || (queue.next != nullptr && consider_next(turn, queue));
  remove_finalizers(turn, queue, wants_to_start || begins);
  if (is_leaving) return;
  forget_history(turn, queue);
  write_policy_status(turn, queue, std::move(tokens), std::move(triggers));
  remove_left(turn, queue);
  settle(turn, std::move(settling));
  const auto obstacle = obstacle_of(turn.seen);
  const bool was_asked = !obstacle || obstacle->reason != Reason::kNotAsked;
  turn.look_in(was_asked ? turn.seen.rest : kLookForSidecars);
  // Nothing else wakes us when such a pod answers again.
  if (turn.seen.ask_again) turn.look_in(std::max(*turn.seen.ask_again, kSoonest));
}

}  // namespace

Plan report_refusal(const Observed& observed, WallTime now) {
  Turn turn{observed, now};
  const Queue queue = queue_of(observed);
  const api::ReloadPolicyStatus& before = observed.policy->status;
  api::ReloadPolicyStatus next = before;
  next.conditions = policy_conditions(observed, queue.running, queue.last(), now);
  turn.because(refusal_text(*observed.refused_write).message);
  if (next == before) return std::move(turn.plan);
  tell_what_changed(turn, next);
  turn.act(PatchPolicyStatus{std::move(next)});
  return std::move(turn.plan);
}

Plan reconcile(const Observed& observed, WallTime now) {
  Turn turn{observed, now};
  if (observed.namespace_terminating) {
    leave_namespace(turn);
  } else if (!observed.policy) {
    reconcile_orphans(turn);
  } else {
    reconcile_policy(turn);
  }
  return std::move(turn.plan);
}

}  // namespace sidestep::op
