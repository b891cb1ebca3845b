// Snapshot → the shapes of the control API. Pure.
#pragma once

#include <string>
#include <vector>

#include "sidecar/admin/wire.h"
#include "sidecar/core/snapshot.h"

namespace sidestep::sidecar {

// `reload` names the reload to show; empty: the running or last one.
wire::Status status_of(const Snapshot& snapshot, const std::string& reload);
std::vector<wire::Decision> decisions_of(const Snapshot& snapshot);

}  // namespace sidestep::sidecar
