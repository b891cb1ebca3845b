#include "lib/k8s/watch.h"

#include <nlohmann/json.hpp>

#include "lib/base/log.h"
#include "lib/k8s/json_fields.h"
#include "lib/k8s/pause.h"

namespace sidestep::k8s {
namespace {

WatchState back_off(WatchState state, WatchDo then, double random, const WatchLimits& limits) {
  state.delay = backoff_delay(limits.backoff, state.failures, random);
  state.failures = std::min(state.failures + 1, 30);
  state.what = WatchDo::kWait;
  state.after_wait = then;
  return state;
}

bool drop_managed_fields(int, Json::parse_event_t event, Json& parsed) {
  return event != Json::parse_event_t::key || parsed != "managedFields";
}

}  // namespace

// doing | listed      | moved(v)    | ended             | expired        | failed         | waited
// list  | watch from v| -           | -                 | wait, list     | wait, list     | -
// watch | -           | version = v | watch, or wait(1) | list, or wait(2)| wait, watch    | -
// wait  | -           | -           | -                 | -              | -              | what was to come
// (1) when the stream was short and silent. (2) when the version just listed expired too. A stream that was
// healthy for long forgets earlier failures. kOpened notes when a stream began.
WatchState next_watch(WatchState state, WatchEvent event, const std::string& version, TimePoint now,
                      double random, const WatchLimits& limits) {
  const bool watching = state.what == WatchDo::kWatch;
  if (watching && event != WatchEvent::kOpened && now - state.began >= limits.healthy_after)
    state.failures = 0;
  switch (event) {
    case WatchEvent::kListed:
      state.what = WatchDo::kWatch;
      state.version = version;
      return state;
    case WatchEvent::kOpened:
      state.began = now;
      state.heard = false;
      return state;
    case WatchEvent::kMoved:
      if (!version.empty()) state.version = version;
      state.heard = true;
      return state;
    case WatchEvent::kEnded:
      if (!state.heard && now - state.began < limits.shortest_stream)
        return back_off(std::move(state), WatchDo::kWatch, random, limits);
      return state;
    case WatchEvent::kExpired:
      state.version.clear();
      if (state.failures > 0 || !watching) return back_off(std::move(state), WatchDo::kList, random, limits);
      state.failures = 1;
      state.what = WatchDo::kList;
      return state;
    case WatchEvent::kFailed:
      return back_off(std::move(state), watching ? WatchDo::kWatch : WatchDo::kList, random, limits);
    case WatchEvent::kWaited:
      state.what = state.after_wait;
      return state;
  }
  return state;
}

WatchLine take_line(std::string_view line, const ObjectRef& what, WatchSink& sink) {
  Json event = Json::parse(line, &drop_managed_fields, false);
  if (!event.is_object() || !event.contains("object") || !event["object"].is_object()) {
    log::warn("watch sent a line that is not an event", {{"what", to_string(what)}});
    return {};
  }
  const std::string type = text_field(event, "type");
  Json& object = event["object"];
  if (type == "ERROR") {
    const bool is_expired = number_field(object, "code") == 410;
    if (!is_expired)
      log::warn("watch reported an error",
                {{"what", to_string(what)}, {"error", text_field(object, "message")}});
    return {false, is_expired, ""};
  }
  const std::string version = text_field(field(object, "metadata"), "resourceVersion");
  if (type == "ADDED" || type == "MODIFIED") sink.changed(std::move(object));
  if (type == "DELETED") sink.deleted(std::move(object));
  return {true, false, version};
}

Watcher::Watcher(Client& client, const Clock& clock, ObjectRef what, ListOptions options, WatchSink& sink,
                 WatchLimits limits)
    : client_(client),
      clock_(clock),
      what_(std::move(what)),
      options_(std::move(options)),
      limits_(limits),
      sink_(sink),
      random_(std::random_device{}()),
      last_progress_(clock.steady().time_since_epoch().count()) {}

void Watcher::run(std::stop_token stop) {
  while (!stop.stop_requested()) perform(stop);
}

void Watcher::perform(std::stop_token stop) {
  switch (state_.what) {
    case WatchDo::kList:
      return list();
    case WatchDo::kWatch:
      return watch(stop);
    case WatchDo::kWait:
      pause_for(state_.delay, stop);
      return step(WatchEvent::kWaited);
  }
}

void Watcher::step(WatchEvent event, const std::string& version) {
  const TimePoint now = clock_.steady();
  if (event != WatchEvent::kFailed && event != WatchEvent::kWaited)
    last_progress_ = now.time_since_epoch().count();
  const double random = std::uniform_real_distribution<double>(0, 1)(random_);
  state_ = next_watch(std::move(state_), event, version, now, random, limits_);
}

void Watcher::list() {
  ++relists_;
  sink_.list_begins();
  auto version = client_.list(
      what_, options_, [this](Json&& object) { sink_.listed(std::move(object)); },
      [this] { sink_.list_begins(); });
  if (!version) {
    log::warn("listing failed", {{"what", to_string(what_)}, {"error", version.error().detail}});
    set_trouble(version.error());
    return step(version.error().kind == ErrorKind::kLimit ? WatchEvent::kExpired : WatchEvent::kFailed);
  }
  set_trouble(std::nullopt);
  is_synced_ = true;
  sink_.list_ends();
  step(WatchEvent::kListed, *version);
}

void Watcher::watch(std::stop_token stop) {
  const double random = std::uniform_real_distribution<double>(0, 1)(random_);
  const auto spread = static_cast<double>((limits_.longest_life - limits_.least_life).count());
  const Seconds life = limits_.least_life + Seconds(static_cast<Seconds::rep>(spread * random));
  expired_ = stream_error_ = false;
  step(WatchEvent::kOpened);
  const Status ended = client_.watch(
      what_, options_, state_.version, life, [this](std::string_view line) { return on_line(line); }, stop);
  if (stop.stop_requested()) return;
  if (expired_ || (!ended && ended.error().kind == ErrorKind::kLimit)) return step(WatchEvent::kExpired);
  if (ended && !stream_error_) {
    set_trouble(std::nullopt);
    return step(WatchEvent::kEnded);
  }
  if (!ended) log::info("watch broke off", {{"what", to_string(what_)}, {"error", ended.error().detail}});
  // A broken stream is nothing to speak of: the next one goes on. A right that was taken away is.
  if (!ended && ended.error().kind == ErrorKind::kRefused) set_trouble(ended.error());
  step(WatchEvent::kFailed);
}

bool Watcher::on_line(std::string_view line) {
  const WatchLine said = take_line(line, what_, sink_);
  expired_ = said.is_expired;
  stream_error_ = !said.is_good;
  if (said.is_good) step(WatchEvent::kMoved, said.version);
  return said.is_good;
}

void Watcher::set_trouble(std::optional<Error> trouble) {
  const std::lock_guard lock(mutex_);
  trouble_ = std::move(trouble);
}

std::optional<Error> Watcher::trouble() const {
  const std::lock_guard lock(mutex_);
  return trouble_;
}

bool Watcher::is_healthy(TimePoint now) const {
  const TimePoint last{TimePoint::duration(last_progress_.load())};
  return now - last < limits_.longest_life + Seconds{60};
}

}  // namespace sidestep::k8s
