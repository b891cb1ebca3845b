// The leader epoch that was obeyed last, kept over a restart in the sidecar's private folder, where the app
// cannot see it. Written to a temporary file, synced and renamed. Any thread.
#pragma once

#include <string>

#include "lib/base/result.h"
#include "lib/policy/signature.h"

namespace sidestep::sidecar {

// A file that does not exist is the state before the first command; one that is broken is an error.
Result<policy::EpochState> read_epoch(const std::string& path);
Status write_epoch(const std::string& path, const policy::EpochState& state);

}  // namespace sidestep::sidecar
