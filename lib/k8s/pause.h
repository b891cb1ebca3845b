// Waits that a stop request ends at once.
#pragma once

#include <stop_token>

#include "lib/base/clock.h"

namespace sidestep::k8s {

// Returns after `duration`, or as soon as `stop` is requested. Any thread.
void pause_for(Millis duration, std::stop_token stop);

}  // namespace sidestep::k8s
