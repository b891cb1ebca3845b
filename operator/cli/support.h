// What of an object may leave the cluster in a support bundle. Pure.
#pragma once

#include <nlohmann/json_fwd.hpp>

namespace sidestep::op::cli {

// Without managedFields, values of annotations that are not ours, values of variables that are not ours,
// words of commands that follow "password", "token", "secret" or "key", and the content of ConfigMaps and
// Secrets. What was taken out reads "(removed)".
nlohmann::json scrubbed(nlohmann::json object);

}  // namespace sidestep::op::cli
