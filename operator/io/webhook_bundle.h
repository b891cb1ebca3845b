// The authorities that API servers trust the webhook by: those of the Secret, and for a while those that they
// trusted before, since replicas come to serve a new certificate one after another. A new certificate is
// served only when API servers have known its authority for a moment. Pure.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/clock.h"

namespace sidestep::op {

inline constexpr Millis kBundleSeen{1'000};  // until API servers go by what was written (their watch)

// The certificates of PEM text, each with its borders; anything else is left out.
std::vector<std::string> certificates_in(std::string_view text);

class WebhookBundle {
 public:
  // `overlap`: how long an authority that the Secret no longer has stays trusted.
  explicit WebhookBundle(Millis overlap) : overlap_(overlap) {}

  // What every webhook of the configuration should have, given the Secret's bundle and what they have.
  std::string wanted(const std::string& ours, const std::vector<std::string>& present, WallTime now);
  // Was read, or written, at `now`.
  void saw(const std::string& ours, const std::vector<std::string>& present, WallTime now);
  // There is no configuration, so nobody calls.
  void saw_none(const std::string& ours) { known_ = ours, known_since_ = WallTime{}; }
  // Have all who call known the authorities of `ours` for long enough?
  bool is_known(const std::string& ours, WallTime now) const;

 private:
  const Millis overlap_;
  std::string known_;  // bundle of the Secret that known_since_ is about
  std::optional<WallTime> known_since_;
  std::string others_;  // that are trusted besides, since others_since_
  WallTime others_since_{};
};

}  // namespace sidestep::op
