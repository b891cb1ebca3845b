// From probe results to ready and not ready, and when to look next.
//
// A fresh generation is looked at every few milliseconds until the first good probe, since a refused connect
// costs next to nothing and the time until it is noticed is added to every reload; from then on by the
// policy's period. Decides only; io/prober.cc probes.
#pragma once

#include <cstdint>
#include <string>

#include "lib/base/clock.h"
#include "lib/policy/spec.h"

namespace sidestep::sidecar {

enum class ProbeResult : std::uint8_t {
  kGood,
  kRefused,  // no connection: nothing listens there
  kBad,      // a connection, and no good answer in time
};

enum class HealthChange : std::uint8_t { kNone, kBecameReady, kBecameUnready };

class Health {
 public:
  // The first probe is due at `now`.
  Health(const policy::Readiness& readiness, TimePoint now) : readiness_(readiness), started_(now) {}

  // Counts one result; the change is reported once.
  HealthChange add(ProbeResult result);
  bool is_ready() const { return is_ready_; }
  bool was_ready() const { return was_ready_; }
  // From the end of a probe to the start of the next one.
  Millis delay(TimePoint now) const;

 private:
  policy::Readiness readiness_;
  TimePoint started_;
  ProbeResult last_ = ProbeResult::kRefused;
  bool is_ready_ = false;
  bool was_ready_ = false;
  bool was_good_ = false;
  int good_in_a_row_ = 0;
  int bad_in_a_row_ = 0;
};

}  // namespace sidestep::sidecar
