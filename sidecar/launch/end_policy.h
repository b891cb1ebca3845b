// Decides when the launcher ends the app by itself: after SIGTERM while no proxy is there to say when, or
// when no proxy has come back for long. While a proxy is connected it decides nothing until the pod's grace
// period is nearly over. Pure: (settings, what is so, now) → what to do.
#pragma once

#include <optional>

#include "sidecar/launch/posix.h"

namespace sidestep::launch {

struct EndSettings {
  Millis grace{30'000};         // from SIGTERM to the SIGKILL of the container
  Millis proxy_wait{5'000};     // after SIGTERM, for a proxy that restarts; at most a quarter of grace
  Millis reserve{2'000};        // kept free at the end of grace; at most a quarter of it
  Millis abandon_after{0};      // without SIGTERM and without a proxy; 0: never
  Millis abandon_stop{10'000};  // SIGTERM to SIGKILL when abandoned
};

struct EndFacts {
  std::optional<TimePoint> term_at;  // SIGTERM was seen
  bool is_connected = false;
  TimePoint lost_at;         // start, or when the last connection ended
  bool is_stopping = false;  // this policy has said so before
  bool is_empty = false;     // nothing runs
};

struct EndDecision {
  enum Act { kNothing, kStopAll, kExit } act = kNothing;
  Millis kill_after{0};              // kStopAll
  std::optional<TimePoint> look_at;  // when time alone may change the answer
};

EndDecision decide_end(const EndSettings& settings, const EndFacts& facts, TimePoint now);

}  // namespace sidestep::launch
