#include "lib/k8s/work_queue.h"

#include <algorithm>
#include <cmath>

namespace sidestep::k8s {

void QueueCore::add(const std::string& name, TimePoint) {
  delay_no_more(name);
  if (working_.contains(name)) {
    if (again_.insert(name).second) ++adds_;
    return;
  }
  if (!waiting_.insert(name).second) return;
  make_ready(name);
  ++adds_;
}

void QueueCore::make_ready(const std::string& name) {
  const auto found = urgency_.find(name);
  ready(found == urgency_.end() ? Urgency::kNormal : found->second).emplace(order_++, name);
}

void QueueCore::set_urgency(const std::string& name, Urgency urgency) {
  if (urgency == Urgency::kNormal)
    urgency_.erase(name);
  else
    urgency_[name] = urgency;
}

void QueueCore::add_at(const std::string& name, TimePoint when) {
  if (waiting_.contains(name)) return;
  const auto found = delayed_.find(name);
  if (found != delayed_.end() && found->second <= when) return;
  delay_no_more(name);
  delayed_.emplace(name, when);
  due_.emplace(when, name);
}

void QueueCore::delay_no_more(const std::string& name) {
  const auto found = delayed_.find(name);
  if (found == delayed_.end()) return;
  due_.erase({found->second, name});
  delayed_.erase(found);
}

void QueueCore::retry(const std::string& name, TimePoint now) {
  const int failures = failures_[name]++;
  const double full =
      static_cast<double>(limits_.first_retry.count()) * std::pow(2.0, std::min(failures, 40));
  const double own = std::min(full, static_cast<double>(limits_.longest_retry.count()));
  ++retries_;
  add_at(name, now + std::max(Millis(static_cast<Millis::rep>(own)), bucket_.take(now)));
}

// Moves what has become due among the ready ones.
void QueueCore::promote(TimePoint now) {
  while (!due_.empty() && due_.begin()->first <= now) {
    const std::string name = due_.begin()->second;
    delay_no_more(name);
    if (working_.contains(name))
      again_.insert(name);
    else if (waiting_.insert(name).second)
      make_ready(name);
  }
}

QueueCore::Ready& QueueCore::next_ready() {
  Ready& patient = ready(Urgency::kPatient);
  Ready& first = ready(ready(Urgency::kUrgent).empty() ? Urgency::kNormal : Urgency::kUrgent);
  const bool is_patients_turn = first.empty() || (ahead_ >= kMostAhead && !patient.empty());
  ahead_ = is_patients_turn ? 0 : ahead_ + 1;
  return is_patients_turn ? patient : first;
}

std::optional<std::string> QueueCore::take(TimePoint now) {
  promote(now);
  Ready& ready = next_ready();
  if (ready.empty()) return std::nullopt;
  std::string name = std::move(ready.begin()->second);
  ready.erase(ready.begin());
  waiting_.erase(name);
  working_.insert(name);
  return name;
}

void QueueCore::done(const std::string& name, TimePoint now) {
  working_.erase(name);
  if (again_.erase(name) > 0) add(name, now);
}

std::optional<TimePoint> QueueCore::next_due() const {
  return due_.empty() ? std::nullopt : std::optional(due_.begin()->first);
}

QueueCounts QueueCore::counts() const {
  return {adds_, retries_, waiting_.size(), working_.size(), delayed_.size()};
}

void WorkQueue::add(const std::string& name) {
  {
    const std::lock_guard lock(mutex_);
    core_.add(name, clock_.steady());
  }
  changed_.notify_one();
}

void WorkQueue::add_after(const std::string& name, Millis delay) {
  {
    const std::lock_guard lock(mutex_);
    core_.add_at(name, clock_.steady() + delay);
  }
  changed_.notify_one();
}

void WorkQueue::retry(const std::string& name) {
  {
    const std::lock_guard lock(mutex_);
    core_.retry(name, clock_.steady());
  }
  changed_.notify_one();
}

void WorkQueue::forget(const std::string& name) {
  const std::lock_guard lock(mutex_);
  core_.forget(name);
}

void WorkQueue::set_urgency(const std::string& name, Urgency urgency) {
  const std::lock_guard lock(mutex_);
  core_.set_urgency(name, urgency);
}

std::optional<std::string> WorkQueue::take(std::stop_token stop) {
  std::unique_lock lock(mutex_);
  while (!stop.stop_requested()) {
    if (auto name = core_.take(clock_.steady())) return name;
    const auto due = core_.next_due();
    const Millis longest{60'000};
    const auto until = due ? std::min<TimePoint::duration>(*due - clock_.steady(), longest) : longest;
    // A spurious end of the wait is harmless: the queue is looked at again.
    bool looked = false;
    changed_.wait_for(lock, stop, std::max<TimePoint::duration>(until, Millis{1}), [&looked] {
      const bool woken = looked;
      looked = true;
      return woken;
    });
  }
  return std::nullopt;
}

void WorkQueue::done(const std::string& name) {
  {
    const std::lock_guard lock(mutex_);
    core_.done(name, clock_.steady());
  }
  changed_.notify_one();
}

QueueCounts WorkQueue::counts() const {
  const std::lock_guard lock(mutex_);
  return core_.counts();
}

}  // namespace sidestep::k8s
