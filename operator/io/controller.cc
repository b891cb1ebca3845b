#include "operator/io/controller.h"

#include <algorithm>
#include <thread>

#include "lib/base/log.h"
#include "operator/core/reconcile.h"

namespace sidestep::op {
namespace {

// Some pod has a candidate of it, or had one.
bool has_candidates(const Observed& observed, const api::Reload& reload) {
  return std::any_of(observed.pods.begin(), observed.pods.end(), [&](const ObservedPod& pod) {
    return pod.sidecar && pod.sidecar->run && pod.sidecar->run->id.starts_with(reload.meta.uid);
  });
}

bool is_under_way(const Observed& observed) {
  return std::any_of(observed.reloads.begin(), observed.reloads.end(), [&](const api::Reload& reload) {
    return reload.status.start_time && !api::is_final(reload.status.phase) &&
           has_candidates(observed, reload);
  });
}

// In a storm those that are to start are not kept waiting by those that have, and a Reload that was made for
// that starts before others are made.
k8s::Urgency urgency_of(const Observed& observed, const Plan& plan) {
  const bool begins = std::any_of(plan.actions.begin(), plan.actions.end(), [](const Action& action) {
    const auto* create = std::get_if<CreateReload>(&action);
    return create != nullptr && create->begins;
  });
  if (begins) return k8s::Urgency::kUrgent;
  return is_under_way(observed) ? k8s::Urgency::kPatient : k8s::Urgency::kNormal;
}

}  // namespace

void Controller::work(std::stop_token stop) {
  while (auto key = parts_.queue.take(stop)) {
    const TimePoint began = parts_.clock.steady();
    const std::string result = look(*key);
    parts_.metrics.reconciled(result, std::chrono::duration_cast<Millis>(parts_.clock.steady() - began));
    parts_.queue.done(*key);
  }
}

// Sidecars can only obey whom they can check. Returns the refusal of the API server, if it is one for good.
std::optional<WriteRefusal> Controller::make_known(const Observed& observed) {
  const TimePoint now = parts_.clock.steady();
  const auto published = parts_.trust.ensure(observed.name_space, now);
  if (!published)
    log::warn("the public keys cannot be published",
              {{"namespace", observed.name_space}, {"error", published.error().detail}});
  for (const ObservedPod& pod : observed.pods) {
    if (pod.reach != Reach::kRefused || pod.is_terminating) continue;
    const auto nudged = parts_.trust.nudge(observed.name_space, pod.name, pod.uid, now);
    if (!nudged)
      log::warn("a pod cannot be refreshed", {{"pod", pod.name}, {"error", nudged.error().detail}});
  }
  if (published || published.error().kind != ErrorKind::kRefused) return std::nullopt;
  return WriteRefusal{true, "the public keys cannot be published: " + published.error().detail};
}

std::string Controller::look(const std::string& key) {
  auto observed = parts_.gatherer.gather(key);
  if (!observed) {
    parts_.queue.add_after(key, limits_.behind_cache);
    return "requeue_after";
  }
  observed->refused_write = refusal_of(key);
  std::optional<WriteRefusal> refused;
  if (observed->policy && !observed->namespace_terminating) refused = make_known(*observed);
  const Plan plan = reconcile(*observed, parts_.clock.wall());
  for (const std::string& decision : plan.decisions)
    log::debug("decided", {{"policy", key}, {"why", decision}});
  const k8s::Urgency urgency = urgency_of(*observed, plan);
  parts_.queue.set_urgency(key, urgency);
  std::jthread asking;  // the pods, while the Reload is made that begins in the next look
  if (urgency == k8s::Urgency::kUrgent)
    asking = std::jthread([&] { parts_.gatherer.ask_sidecars(*observed->policy); });
  const ApplyResult result = parts_.applier.apply(*observed, plan);
  if (asking.joinable()) asking.join();
  if (result.what == Applied::kGiveUp) refused = WriteRefusal{result.is_forbidden, result.error};
  if (refused && observed->policy)
    note_refusal(key, *std::move(observed), *std::move(refused));
  else if (result.what == Applied::kAll)
    forget_refusal(key);
  return settle(key, result, plan.requeue_after);
}

std::optional<WriteRefusal> Controller::refusal_of(const std::string& key) const {
  const std::lock_guard lock(mutex_);
  const auto found = refused_.find(key);
  return found == refused_.end() ? std::nullopt : std::optional(found->second.what);
}

void Controller::note_refusal(const std::string& key, Observed observed, WriteRefusal refusal) {
  {
    const std::lock_guard lock(mutex_);
    Refused& noted = refused_[key];
    noted = {refusal, noted.times + 1};
  }
  observed.refused_write = std::move(refusal);
  const ApplyResult told = parts_.applier.apply(observed, report_refusal(observed, parts_.clock.wall()));
  if (told.what != Applied::kAll)
    log::warn("a refusal cannot be told in the status", {{"policy", key}, {"error", told.error}});
}

// A plan passed. What the status says is put right by the next look.
void Controller::forget_refusal(const std::string& key) {
  const std::lock_guard lock(mutex_);
  if (refused_.erase(key) > 0) parts_.queue.add(key);
}

Millis Controller::refused_delay(const std::string& key) const {
  const std::lock_guard lock(mutex_);
  const auto found = refused_.find(key);
  return backoff_delay(limits_.refused, found == refused_.end() ? 0 : found->second.times - 1,
                       spread_of(key));
}

// result  | what happens to the name
// all     | looked at again when the plan says so
// again   | looked at again soon
// later   | back-off, but never longer than failing_at_most: a running reload has deadlines
// give up | looked at again when something changes, or after a back-off of its own
std::string Controller::settle(const std::string& key, const ApplyResult& result,
                               const std::optional<Millis>& requeue) {
  if (!result.error.empty()) {
    const auto line = result.what == Applied::kAgain ? log::debug : log::warn;
    line("the plan stopped", {{"policy", key}, {"error", result.error}});
  }
  switch (result.what) {
    case Applied::kAll:
      parts_.queue.forget(key);
      if (!requeue) return "success";
      parts_.queue.add_after(key, *requeue);
      return "requeue_after";
    case Applied::kAgain:
      parts_.queue.add_after(key, std::max(result.not_before, limits_.at_least));
      return "requeue";
    case Applied::kLater:
      parts_.queue.retry(key);
      parts_.queue.add_after(key, limits_.failing_at_most);
      return "error";
    case Applied::kGiveUp:
      parts_.queue.forget(key);
      parts_.queue.add_after(key, refused_delay(key));
      return "error";
  }
  return "error";
}

}  // namespace sidestep::op
