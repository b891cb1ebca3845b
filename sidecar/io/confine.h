// The worker gives up what it does not need once its sockets are bound: capabilities, the right to gain new
// privileges by executing something, and system calls that it never makes (syscall_filter.h).
//
// Only the worker: the parent forks launcher and app, and they would inherit it. Threads that were made
// before keep their capabilities; the logger's has given up its own. Nothing here fails the start: what could
// not be given up is told. Threads: the worker's first, before it makes others.
#pragma once

#include "sidecar/core/confinement.h"

namespace sidestep::sidecar {

Confinement confine(SeccompMode seccomp);

}  // namespace sidestep::sidecar
