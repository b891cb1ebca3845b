// Puts the launcher into the volume that it shares with the app's container. Blocking; any thread.
#pragma once

#include <string>

#include "lib/base/result.h"

namespace sidestep::sidecar {

// Copies `from` to `folder`/sidestep-launch (0755) under a temporary name, syncs and renames, and does
// nothing when the same bytes are there: a program that runs cannot be written over. A volume that forbids
// programs is an error that names the ways out.
Status install_launcher(const std::string& from, const std::string& folder);

}  // namespace sidestep::sidecar
