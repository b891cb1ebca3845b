// Why each decision was taken: what `sidestep why` shows. Bounded: the oldest entry goes first.
//
// Remembers only; the driver adds an entry for every transition and refusal. Control thread; readers get the
// shared copy out of the Snapshot.
#pragma once

#include <cstddef>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "lib/base/clock.h"

namespace sidestep::sidecar {

struct Decision {
  WallTime time;
  std::string what;  // "Judging -> RollingBack (reload r-1, generation 4)"
  std::string why;   // "error rate 12.0 % against 0.1 %, limit 1.0 %, after 61 requests"
};
using Decisions = std::vector<Decision>;

inline constexpr std::size_t kMostDecisions = 200;

class DecisionLog {
 public:
  explicit DecisionLog(std::size_t most = kMostDecisions) : most_(most) {}

  void add(Decision decision);
  // Newest last. The same pointer until the next add().
  std::shared_ptr<const Decisions> view() const;

 private:
  std::size_t most_;
  std::deque<Decision> entries_;
  mutable std::shared_ptr<const Decisions> view_;  // null: made anew when asked for
};

}  // namespace sidestep::sidecar
