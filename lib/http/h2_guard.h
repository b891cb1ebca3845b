// Decides when an HTTP/2 peer costs more than it brings: streams that it opens and resets (rapid reset,
// CVE-2023-44487; MadeYouReset, CVE-2025-8671), and frames that carry nothing (PING, SETTINGS, PRIORITY,
// empty DATA, tiny WINDOW_UPDATE; CVE-2019-9511 to 9518). Two token buckets: time and useful work fill them.
//
// Pure; the session charges it and ends the connection when a charge is refused.
#pragma once

#include <algorithm>
#include <cstdint>

#include "lib/base/clock.h"
#include "lib/http/h2_limits.h"

namespace sidestep::http {

class TokenBucket {
 public:
  TokenBucket(std::uint32_t burst, std::uint32_t per_second)
      : burst_(burst), per_second_(per_second), tokens_(burst) {}

  // Time does not run backwards; an earlier `now` adds nothing.
  void refill(TimePoint now) {
    if (now < since_ + Millis(50)) return;
    const auto passed = std::chrono::duration_cast<Millis>(now - since_);
    since_ = now;
    give(static_cast<double>(passed.count()) * per_second_ / 1000);
  }
  void give(double tokens) { tokens_ = std::min(tokens_ + tokens, burst_); }
  // False when there was none.
  [[nodiscard]] bool take() {
    if (tokens_ < 1) return false;
    tokens_ -= 1;
    return true;
  }

 private:
  double burst_;
  double per_second_;
  double tokens_;
  TimePoint since_{};
};

class H2Guard {
 public:
  explicit H2Guard(const H2Limits& limits)
      : resets_(limits.reset_burst, limits.resets_per_second),
        control_(limits.control_burst, limits.control_per_second) {}

  void refill(TimePoint now) {
    resets_.refill(now);
    control_.refill(now);
  }
  // False: the connection is to be ended with ENHANCE_YOUR_CALM.
  [[nodiscard]] bool on_reset() { return resets_.take(); }
  [[nodiscard]] bool on_control_frame() { return control_.take(); }
  // A stream was answered whole, so that a peer which cancels now and then is not punished.
  void on_answered() {
    resets_.give(1);
    control_.give(4);
  }
  // A frame of payload went either way: a peer may answer it with a PING and a window update.
  void on_payload() { control_.give(2); }

 private:
  TokenBucket resets_;
  TokenBucket control_;
};

}  // namespace sidestep::http
