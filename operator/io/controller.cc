#include "operator/io/controller.h"

#include <algorithm>

#include "lib/base/log.h"
#include "operator/core/reconcile.h"

namespace sidestep::op {

void Controller::work(std::stop_token stop) {
  while (auto key = parts_.queue.take(stop)) {
    const TimePoint began = parts_.clock.steady();
    const std::string result = look(*key);
    parts_.metrics.reconciled(result, std::chrono::duration_cast<Millis>(parts_.clock.steady() - began));
    parts_.queue.done(*key);
  }
}

// Sidecars can only obey whom they can check.
void Controller::make_known(const Observed& observed) {
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
}

std::string Controller::look(const std::string& key) {
  const auto observed = parts_.gatherer.gather(key);
  if (!observed) {
    parts_.queue.add_after(key, limits_.behind_cache);
    return "requeue_after";
  }
  if (observed->policy && !observed->namespace_terminating) make_known(*observed);
  const Plan plan = reconcile(*observed, parts_.clock.wall());
  for (const std::string& decision : plan.decisions)
    log::debug("decided", {{"policy", key}, {"why", decision}});
  return settle(key, parts_.applier.apply(*observed, plan), plan.requeue_after);
}

// result  | what happens to the name
// all     | looked at again when the plan says so
// again   | looked at again soon
// later   | back-off, but never longer than failing_at_most: a running reload has deadlines
// give up | looked at again when something changes, or after a minute
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
      parts_.queue.add_after(key, limits_.refused);
      return "error";
  }
  return "error";
}

}  // namespace sidestep::op
