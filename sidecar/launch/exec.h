// Starts the app's program: search of PATH, standard descriptors, signals, session. Used by the shim only.
#pragma once

#include <sys/types.h>

#include "sidecar/launch/shim.h"

namespace sidestep::launch {

// The program's pid once it has been executed; -1 and its errno when it could not be. Its standard input is
// at its end, and it inherits no other descriptor than `out` and `err`. It leads a session of its own.
pid_t start_program(const Program& program, int out, int err, int& error_number);

}  // namespace sidestep::launch
