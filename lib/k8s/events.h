// Events (events.k8s.io/v1) for people who look at an object: aggregated into series, limited per object,
// best effort.
//
// Never blocks its caller and never fails a reload: what does not fit is dropped and counted. EventFilter
// decides; EventRecorder is the driver with one sending thread.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>

#include "lib/k8s/bucket.h"
#include "lib/k8s/client.h"

namespace sidestep::k8s {

struct EventSubject {
  std::string api_version, kind, name_space, name, uid;
};

struct Event {
  EventSubject regarding;
  bool is_warning = false;
  std::string reason;  // CamelCase, one word
  std::string action;  // what the reporter did or tried
  std::string note;    // at most 1024 bytes; the rest is cut, between characters
};

struct EventLimits {
  double per_object_burst = 25;
  double per_object_per_second = 1.0 / 300;
  Seconds series{360};         // repeats within this time join the series
  Seconds least_between{30};   // two writes about one series
  std::size_t objects = 1024;  // remembered; the longest silent one is forgotten
  std::size_t queued = 256;
};

// What to do about one event. A repeat that is counted but not yet worth a write is kSkip.
enum class EventDo { kCreate, kSeries, kSkip };

struct EventVerdict {
  EventDo what = EventDo::kSkip;
  std::string name;  // of the Event object
  int count = 1;
};

class EventFilter {
 public:
  explicit EventFilter(EventLimits limits = {}) : limits_(limits) {}
  // `name` becomes the object's name if this is a new series.
  EventVerdict admit(const Event& event, const std::string& name, TimePoint now);

 private:
  struct Series {
    std::string name;
    int count = 1;
    TimePoint last_seen, last_sent;
  };
  struct Object {
    TokenBucket bucket;
    TimePoint last_seen;
    std::map<std::string, Series> series;  // by reason, type and note
  };
  void forget_oldest();

  const EventLimits limits_;
  std::map<std::string, Object> objects_;
};

// The Event object for a new series.
Json event_to_json(const Event& event, const std::string& name, const std::string& controller,
                   const std::string& instance, WallTime now);

class EventRecorder {
 public:
  EventRecorder(Client& client, const Clock& clock, std::string controller, std::string instance,
                EventLimits limits = {});

  // Any thread; returns at once.
  void record(Event event);
  // Sends until `stop` is requested. One thread.
  void run(std::stop_token stop);
  std::uint64_t dropped() const;

 private:
  void send(const Event& event);

  Client& client_;
  const Clock& clock_;
  const std::string controller_, instance_;
  const EventLimits limits_;
  EventFilter filter_;  // Owned by the sending thread.
  std::uint64_t sent_ = 0;
  mutable std::mutex mutex_;
  std::condition_variable_any changed_;
  // Guarded by mutex_.
  std::deque<Event> queue_;
  std::uint64_t dropped_ = 0;
};

}  // namespace sidestep::k8s
