// Which sidecars this operator steers: those of the same major version whose minor version is at most one
// away.
#pragma once

#include <string_view>

namespace sidestep::op {

// False for texts that are no version. An empty operator version fits all (tests, development builds).
bool is_compatible(std::string_view operator_version, std::string_view sidecar_version);

}  // namespace sidestep::op
