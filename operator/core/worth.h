// Which changes of a status are worth a request now. A reload that moves on changes counts and sentences at
// every look; what is left out here is written with the next change that matters, or once nothing has moved
// for a moment. Pure.
#pragma once

#include <algorithm>

#include "operator/api/reload.h"
#include "operator/api/reload_policy.h"

namespace sidestep::op {

// How long counts and sentences may be behind while something moves: longer among many policies, whose
// reloads may all run at the same time. `rest`: Observed::rest.
inline constexpr Millis kDetailsLater{10'000};
constexpr Millis details_later(Millis rest) { return std::max(kDetailsLater, rest / 20); }

// `stored` is what the API server has.
bool is_worth_writing(const api::ReloadStatus& stored, const api::ReloadStatus& next, Millis details_later,
                      WallTime now);

// `moved`: when the policy's running reload moved last; absent: none runs. `starts_soon`: one is about to be
// made, or to start, and this status will be written then.
bool is_worth_writing(const api::ReloadPolicyStatus& stored, const api::ReloadPolicyStatus& next,
                      std::optional<WallTime> moved, bool starts_soon, Millis details_later, WallTime now);

}  // namespace sidestep::op
