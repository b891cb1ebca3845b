// A small cluster in memory: an API server's objects, pods with sidecars that behave as docs/contracts.md
// says, and a clock moved by hand. The operator under test is reconcile() alone; it may be killed after any
// single action.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "operator/core/conditions.h"
#include "operator/core/reconcile.h"
#include "tests/support/builders.h"

namespace sidestep::op {

// What a pod's app and its path to the operator are like.
struct SimPod {
  ObservedPod seen;
  Millis ready_after{1'000};
  Millis drain_for{200};
  std::string fails_at_start;  // reason, "" for a good candidate
  bool fails_requests = false;
  bool promotes_itself = false;  // strategy Hold: there is nobody to judge by
  bool refuses = false;
  double requests_per_second = 100;
  double error_rate = 0;  // of the candidate; the sidecar alone sees nothing in it

  WallTime started_at{};
  WallTime heard_at{};
  WallTime promoted_at{};
  Seconds deadline{600};
  int generations = 1;
  std::string content = {};  // of pinned sources: what active runs, and what the candidate got
  std::string candidate_content = {};
  std::set<std::string> ids;  // of reloads that it ever began
};

class SimCluster {
 public:
  explicit SimCluster(int replicas) : world_(build::observed(replicas)) {
    for (const ObservedPod& pod : world_.pods) pods_[pod.name].seen = pod;
  }

  Observed& world() { return world_; }
  api::ReloadPolicy& policy() { return *world_.policy; }
  SimPod& pod(const std::string& name) { return pods_.at(name); }
  std::map<std::string, SimPod>& pods() { return pods_; }
  WallTime now() const { return now_; }
  int actions() const { return actions_; }
  int created() const { return created_; }
  const std::vector<EmitEvent>& events() const { return events_; }
  // Questions to metrics and webhooks, by key, in the order in which they were asked.
  const std::vector<std::string>& asked() const { return asked_; }
  // What metrics give; nothing: no data. A silent server answers nobody.
  std::function<std::optional<double>(const MeasureMetric&)> metric = [](const MeasureMetric&) { return 0; };
  std::function<bool(const CallWebhook&)> webhook = [](const CallWebhook&) { return true; };
  bool is_desk_silent = false;

  void annotate(const std::string& token) { policy().meta.annotations[api::kReloadAnnotation] = token; }
  // The first one made; an empty one before that.
  api::Reload& reload() { return world_.reloads.empty() ? none_ : world_.reloads.front(); }
  const api::ReloadStatus& status() { return reload().status; }

  void kill_pod(const std::string& name) { pods_.erase(name); }
  SimPod& add_pod(const std::string& name) {
    SimPod& born = pods_[name];
    born.seen = build::pod(name);
    born.seen.creation_time = now_;
    if (!world_.pins.pins.empty()) born.content = world_.pins.pins.front().kept.hash;
    born.seen.sidecar->active_config = born.content;
    return born;
  }
  // The proxy's container restarts: its candidate is gone, nobody's fault.
  void restart_sidecar(const std::string& name) {
    SidecarStatus& sidecar = *pods_.at(name).seen.sidecar;
    sidecar.candidate.reset();
    if (sidecar.run && is_under_way(*sidecar.run))
      end(*sidecar.run, SidecarPhase::kInterrupted, "Interrupted");
  }

  // The operator dies after that many more actions, and is back at the next step.
  void die_after(int actions) { die_after_ = actions; }

  void step() {
    tick();
    const Plan plan = reconcile(observe(), now_);
    apply(plan);
    const Millis wait = std::min(plan.requeue_after.value_or(Millis(1'000)), Millis(1'000));
    now_ += std::max(wait, Millis(50));
  }

  // Steps until `done` holds, for at most that much time of the cluster. False when it never did.
  bool run_until(const std::function<bool()>& done, Seconds most = Seconds(300)) {
    for (const WallTime give_up = now_ + most; now_ < give_up; step()) {
      if (done()) return true;
    }
    return done();
  }
  bool run_to_end() {
    return run_until([this] {
      return !world_.reloads.empty() && is_final(world_.reloads.front().status.phase) &&
             !world_.reloads.front().meta.has_finalizer();
    });
  }
  void run_for(Seconds time) {
    run_until([] { return false; }, time);
  }
  // What a look at the end asks for, when nothing changes any more.
  Plan at_rest() {
    tick();
    return reconcile(observe(), now_);
  }

 private:
  static bool is_under_way(const SidecarRun& run) {
    return run.phase == SidecarPhase::kStarting || run.phase == SidecarPhase::kJudging;
  }
  static void end(SidecarRun& run, SidecarPhase phase, const std::string& reason) {
    run.phase = phase;
    run.reason = reason;
    run.message = "candidate: " + reason;
  }

  Observed observe() {
    world_.pods.clear();
    for (auto& [name, pod] : pods_) world_.pods.push_back(pod.seen);
    return world_;
  }

  void tick() {
    for (auto& [name, pod] : pods_) tick(pod);
  }
  void tick(SimPod& pod) {
    if (!pod.seen.sidecar || !pod.seen.sidecar->run) return;
    SidecarStatus& sidecar = *pod.seen.sidecar;
    SidecarRun& run = *sidecar.run;
    if (run.phase == SidecarPhase::kStarting && now_ >= pod.started_at + pod.ready_after) {
      run.phase = SidecarPhase::kJudging;
      run.ready = true;
      if (!pod.fails_at_start.empty())
        end(run, SidecarPhase::kFailed, pod.fails_at_start);
      else if (pod.promotes_itself)
        promote(pod, run);
    } else if (run.phase == SidecarPhase::kJudging && sidecar.candidate) {
      sidecar.candidate->requests = static_cast<std::int64_t>(
          std::chrono::duration<double>(now_ - pod.started_at).count() * pod.requests_per_second);
      const std::int64_t requests = sidecar.candidate->requests;
      const auto errors = static_cast<std::int64_t>(static_cast<double>(requests) * pod.error_rate);
      run.judged = JudgedCounts{{1, requests, 0}, {run.generation, requests, errors}};
      const bool is_seen =
          run.weight_per_ten_thousand > 0 && now_ >= pod.started_at + pod.ready_after + Seconds(2);
      if (pod.fails_requests && is_seen) end(run, SidecarPhase::kFailed, "ErrorRate");
      if (now_ >= pod.heard_at + pod.deadline) end(run, SidecarPhase::kFailed, "OperatorSilent");
    } else if (run.phase == SidecarPhase::kDraining && now_ >= pod.promoted_at + pod.drain_for) {
      run.phase = SidecarPhase::kSucceeded;
    }
    if (!is_under_way(run)) sidecar.candidate.reset();
  }

  void apply(const Plan& plan) {
    for (const Action& action : plan.actions) {
      if (die_after_ == 0) {
        die_after_ = -1;
        return;
      }
      if (die_after_ > 0) --die_after_;
      ++actions_;
      std::visit([this](const auto& each) { perform(each); }, action);
    }
  }

  void answer(AnalysisReply reply) {
    if (is_desk_silent) return;
    const auto same = [&](const AnalysisReply& known) { return known.key == reply.key; };
    if (std::none_of(world_.replies.begin(), world_.replies.end(), same))
      world_.replies.push_back(std::move(reply));
  }
  void measure(const MeasureMetric& question) {
    const auto value = metric(question);
    answer({question.key, now_, value, false, value ? "" : "the query gives nothing"});
  }
  void call(const CallWebhook& question) {
    const bool passed = webhook(question);
    answer({question.key, now_, std::nullopt, passed, passed ? "" : "status 503: not today"});
  }

  api::Reload* find(const std::string& name) {
    for (api::Reload& reload : world_.reloads) {
      if (reload.meta.name == name) return &reload;
    }
    return nullptr;
  }
  // Null when there is nobody to obey: the pod is gone, or its sidecar does not answer.
  SimPod* reach(const PodRef& ref) {
    const auto found = pods_.find(ref.name);
    const bool there = found != pods_.end() && found->second.seen.reach == Reach::kReachable;
    return there ? &found->second : nullptr;
  }
  SidecarRun* run_of(const PodRef& ref, const std::string& id) {
    SimPod* pod = reach(ref);
    if (pod == nullptr || !pod->seen.sidecar->run || pod->seen.sidecar->run->id != id) return nullptr;
    pod->heard_at = now_;
    return &*pod->seen.sidecar->run;
  }

  void perform(const CreateReload& create) {
    if (find(create.name) != nullptr) return;
    ++created_;
    world_.reloads.push_back(build::reload(create.name, create.spec.token, now_));
    world_.reloads.back().spec = create.spec;
  }
  void perform(const PatchPolicyStatus& patch) {
    EXPECT_NE(policy().status, patch.status) << "a write that changes nothing";
    policy().status = patch.status;
  }
  void perform(const PatchReloadStatus& patch) {
    EXPECT_NE(find(patch.name)->status, patch.status) << "a write that changes nothing";
    find(patch.name)->status = patch.status;
  }
  void perform(const TakeSlot&) {}
  void perform(const AddFinalizer& add) {
    api::ObjectMeta& meta = add.subject == Subject::kPolicy ? policy().meta : find(add.name)->meta;
    meta.finalizers.push_back(api::kReloadFinalizer);
  }
  void perform(const RemoveFinalizer& remove) {
    api::ObjectMeta& meta = remove.subject == Subject::kPolicy ? policy().meta : find(remove.name)->meta;
    meta.finalizers.clear();
  }
  void perform(const DeleteReload& gone) {
    std::erase_if(world_.reloads, [&](const api::Reload& reload) { return reload.meta.uid == gone.uid; });
  }
  void perform(const RefreshPod& refresh) {
    if (const auto found = pods_.find(refresh.pod.name); found != pods_.end())
      found->second.seen.refresh = refresh.value;
  }
  void perform(const MarkPod& mark) {
    if (const auto found = pods_.find(mark.pod.name); found != pods_.end())
      found->second.seen.handled_token = mark.token;
  }
  static ObservedCopy& copy_in(ObservedPin& pin, policy::Copy copy) {
    return copy == policy::Copy::kKept ? pin.kept : copy == policy::Copy::kStaged ? pin.staged : pin.previous;
  }
  void perform(const CopySources& copy) {
    if (!copy.hash.empty() && copy.hash != world_.sources.hash) return;
    for (ObservedPin& pin : world_.pins.pins) copy_in(pin, copy.to) = {copy.maker, world_.sources.hash, {}};
  }
  void perform(const CloneCopy& clone) {
    for (ObservedPin& pin : world_.pins.pins) {
      if (pin.source != clone.source) continue;
      const std::string maker = clone.maker.empty() ? copy_in(pin, clone.from).maker : clone.maker;
      copy_in(pin, clone.to) = copy_in(pin, clone.from);
      copy_in(pin, clone.to).maker = maker;
    }
  }
  void perform(const RemoveCopy& removal) {
    for (LeftPin& left : world_.left) std::erase(left.copies, removal.copy);
  }
  void perform(const SidecarPolicy&) {}
  void perform(const SidecarReload& ask) {
    SimPod* pod = reach(ask.pod);
    if (pod == nullptr || pod->ids.contains(ask.id)) return;
    if (pod->refuses) {
      pod->seen.refusal = CommandRefusal{ask.id, "suspended by the policy"};
      return;
    }
    SidecarStatus& sidecar = *pod->seen.sidecar;
    EXPECT_FALSE(sidecar.run && is_under_way(*sidecar.run))
        << "409: another reload is under way in " << ask.pod.name;
    pod->ids.insert(ask.id);
    pod->started_at = pod->heard_at = now_;
    if (!world_.pins.pins.empty()) pod->candidate_content = world_.pins.pins.front().staged.hash;
    pod->deadline = ask.deadline;
    sidecar.run = SidecarRun{ask.id, ask.token, SidecarPhase::kStarting, "", "", ++pod->generations, 0, false,
                             true,   {}};
    sidecar.candidate = GenerationCounts{pod->generations, 0, 0};
  }
  void perform(const SidecarWeight& weight) {
    SidecarRun* run = run_of(weight.pod, weight.id);
    if (run != nullptr && run->phase == SidecarPhase::kJudging)
      run->weight_per_ten_thousand = weight.weight_per_ten_thousand;
  }
  void perform(const SidecarPromote& promote) {
    SidecarRun* run = run_of(promote.pod, promote.id);
    const bool may = run != nullptr && (run->phase == SidecarPhase::kJudging ||
                                        (promote.force && run->phase == SidecarPhase::kStarting));
    if (!may) return;
    this->promote(pods_.at(promote.pod.name), *run);
  }
  void promote(SimPod& pod, SidecarRun& run) {
    run.phase = SidecarPhase::kDraining;
    run.reason = "Promoted";
    run.receipt = {50, 60, 0, 0, 0, 0, 0, 0};
    pod.promoted_at = now_;
    pod.content = pod.candidate_content;
    pod.seen.sidecar->active_config = pod.content;
    pod.seen.sidecar->active.generation = run.generation;
  }
  void perform(const SidecarAbort& abort) {
    SidecarRun* run = run_of(abort.pod, abort.id);
    if (run != nullptr && is_under_way(*run)) end(*run, SidecarPhase::kAborted, "AbortedByUser");
  }
  void perform(const MeasureMetric& question) { asked_.push_back(question.key), measure(question); }
  void perform(const CallWebhook& question) { asked_.push_back(question.key), call(question); }
  void perform(const EmitEvent& event) { events_.push_back(event); }

  Observed world_;
  std::map<std::string, SimPod> pods_;
  WallTime now_ = build::at(0);
  std::vector<EmitEvent> events_;
  api::Reload none_;
  std::vector<std::string> asked_;
  int actions_ = 0;
  int created_ = 0;
  int die_after_ = -1;
};

}  // namespace sidestep::op
