// The sidecar's numbers in Prometheus's text format (version 0.0.4). Every metric is one row of a table:
// name, type, help, and the function that prints its samples. Pure: reads a snapshot, asks nobody.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "sidecar/core/confinement.h"
#include "sidecar/core/snapshot.h"

namespace sidestep::sidecar {

// What the snapshot does not know.
struct ControlCounts {
  std::map<std::string, std::uint64_t> refused;  // calls of the control API, by reason
  std::uint64_t log_lines_dropped = 0;
  Confinement confinement = {};  // of this process
};

inline constexpr std::string_view kMetricsContentType = "text/plain; version=0.0.4; charset=utf-8";
std::string metrics_text(const Snapshot& snapshot, const ControlCounts& control);

// Names of all metrics, in the order of the table.
std::vector<std::string_view> metric_names();

}  // namespace sidestep::sidecar
