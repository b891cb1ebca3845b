// Ports of generations: a free one for the next, and which ones its processes listen on.
//
// Reads /proc/PID; `root` stands before every path ("" in production). Control thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "lib/base/result.h"
#include "sidecar/io/listening_table.h"

namespace sidestep::sidecar {

// A port on 127.0.0.1 that was free a moment ago and is in none of `taken`: the kernel chooses it, and hands
// out others for a while, so that the app finds it free.
Result<std::uint16_t> free_loopback_port(const std::vector<std::uint16_t>& taken);

// Those of `all` that belong to a process of the group or session that `pid` leads. Nothing when none of them
// lets us look at its descriptors: another user's, or root's for a worker that has given up its capabilities.
std::optional<std::vector<Listening>> listening_of_group(const std::string& root, int pid,
                                                         const std::vector<Listening>& all);

}  // namespace sidestep::sidecar
