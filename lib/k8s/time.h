// Times as the Kubernetes API writes them.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "lib/base/clock.h"

namespace sidestep::k8s {

// metav1.Time: "2026-11-23T09:30:00Z".
std::string plain_time(WallTime time);
// metav1.MicroTime: "2026-11-23T09:30:00.000125Z".
std::string micro_time(WallTime time);
// Either of them; nothing for anything else.
std::optional<WallTime> parse_time(std::string_view text);

}  // namespace sidestep::k8s
