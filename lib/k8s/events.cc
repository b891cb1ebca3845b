#include "lib/k8s/events.h"

#include <nlohmann/json.hpp>

#include <algorithm>

#include "lib/base/log.h"
#include "lib/base/utf8.h"
#include "lib/k8s/time.h"

namespace sidestep::k8s {
namespace {
const Resource kEvents{"events.k8s.io/v1", "events"};
constexpr std::size_t kMaxNote = 1024;
constexpr std::size_t kMaxSeriesPerObject = 64;
}  // namespace

void EventFilter::forget_oldest() {
  const auto oldest = std::min_element(objects_.begin(), objects_.end(), [](auto& a, auto& b) {
    return a.second.last_seen < b.second.last_seen;
  });
  if (oldest != objects_.end()) objects_.erase(oldest);
}

EventVerdict EventFilter::admit(const Event& event, const std::string& name, TimePoint now) {
  const auto& subject = event.regarding;
  const std::string key = subject.kind + "/" + subject.name_space + "/" + subject.name + "/" + subject.uid;
  if (!objects_.contains(key) && objects_.size() >= limits_.objects) forget_oldest();
  Object& object =
      objects_.try_emplace(key, Object{{limits_.per_object_per_second, limits_.per_object_burst}, now, {}})
          .first->second;
  object.last_seen = now;
  std::erase_if(object.series,
                [&](const auto& entry) { return now - entry.second.last_seen > limits_.series; });
  const std::string what = event.reason + "/" + (event.is_warning ? "W" : "N") + "/" + event.note;
  if (const auto found = object.series.find(what); found != object.series.end()) {
    Series& series = found->second;
    ++series.count;
    series.last_seen = now;
    if (now - series.last_sent < limits_.least_between) return {EventDo::kSkip, series.name, series.count};
    series.last_sent = now;
    return {EventDo::kSeries, series.name, series.count};
  }
  if (object.series.size() >= kMaxSeriesPerObject || !object.bucket.try_take(now)) return {};
  object.series.emplace(what, Series{name, 1, now, now});
  return {EventDo::kCreate, name, 1};
}

Json event_to_json(const Event& event, const std::string& name, const std::string& controller,
                   const std::string& instance, WallTime now) {
  const auto& subject = event.regarding;
  // An Event of a cluster-scoped object lives in "default".
  const std::string home = subject.name_space.empty() ? "default" : subject.name_space;
  Json regarding = {{"apiVersion", subject.api_version}, {"kind", subject.kind}, {"name", subject.name}};
  if (!subject.name_space.empty()) regarding["namespace"] = subject.name_space;
  if (!subject.uid.empty()) regarding["uid"] = subject.uid;
  return {{"apiVersion", "events.k8s.io/v1"},
          {"kind", "Event"},
          {"metadata", {{"name", name}, {"namespace", home}}},
          {"regarding", regarding},
          {"type", event.is_warning ? "Warning" : "Normal"},
          {"reason", clip(event.reason, 128)},
          {"action", clip(event.action, 128)},
          {"note", clip(event.note, kMaxNote)},
          {"reportingController", controller},
          {"reportingInstance", clip(instance, 128)},
          {"eventTime", micro_time(now)}};
}

EventRecorder::EventRecorder(Client& client, const Clock& clock, std::string controller, std::string instance,
                             EventLimits limits)
    : client_(client),
      clock_(clock),
      controller_(std::move(controller)),
      instance_(std::move(instance)),
      limits_(limits),
      filter_(limits) {}

void EventRecorder::record(Event event) {
  {
    const std::lock_guard lock(mutex_);
    if (queue_.size() >= limits_.queued) {
      ++dropped_;
      return;
    }
    queue_.push_back(std::move(event));
  }
  changed_.notify_one();
}

void EventRecorder::run(std::stop_token stop) {
  while (true) {
    std::unique_lock lock(mutex_);
    if (!changed_.wait(lock, stop, [this] { return !queue_.empty(); })) return;
    const Event event = std::move(queue_.front());
    queue_.pop_front();
    lock.unlock();
    send(event);
  }
}

void EventRecorder::send(const Event& event) {
  const WallTime wall = clock_.wall();
  const auto micros = std::chrono::duration_cast<std::chrono::microseconds>(wall.time_since_epoch()).count();
  const std::string fresh =
      event.regarding.name.substr(0, 200) + "." + std::to_string(micros) + "-" + std::to_string(sent_++);
  const EventVerdict verdict = filter_.admit(event, fresh, clock_.steady());
  const std::string home = event.regarding.name_space.empty() ? "default" : event.regarding.name_space;
  Status sent;
  if (verdict.what == EventDo::kCreate) {
    auto made =
        client_.create({kEvents, home, {}}, event_to_json(event, verdict.name, controller_, instance_, wall));
    if (!made) sent = made.error();
  } else if (verdict.what == EventDo::kSeries) {
    const Json series = {{"series", {{"count", verdict.count}, {"lastObservedTime", micro_time(wall)}}}};
    auto made = client_.merge_patch({kEvents, home, verdict.name}, series);
    if (!made) sent = made.error();
  }
  if (sent) return;
  log::debug("an event was not stored", {{"error", sent.error().detail}});
  const std::lock_guard lock(mutex_);
  ++dropped_;
}

std::uint64_t EventRecorder::dropped() const {
  const std::lock_guard lock(mutex_);
  return dropped_;
}

}  // namespace sidestep::k8s
