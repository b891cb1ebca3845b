// /healthz, /readyz and /metrics of the operator, for kubelet and Prometheus. Answered in the door itself
// (lib/front reads strictly and bounded), so that probes wait behind nothing.
//
// Threads: the answers are made on the door's thread and must not block.
#pragma once

#include <functional>
#include <string>

#include "lib/front/door.h"

namespace sidestep::op {

struct Pages {
  std::function<std::string()> live;     // "" when well, otherwise what is wrong
  std::function<std::string()> ready;    // the same
  std::function<std::string()> metrics;  // the text
};

front::Settings settings_of(Pages pages);

// `listen` is ADDRESS:PORT, [ADDRESS]:PORT or :PORT (all addresses, dual stack where there is IPv6). The
// error names it and the `flag` that it came by.
Status listen_at(front::Door& door, const std::string& flag, const std::string& listen);

}  // namespace sidestep::op
