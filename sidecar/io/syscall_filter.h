// The system calls that the worker makes, as a filter of the kernel (seccomp(2), mode filter). A list of what
// is allowed: all else fails with ENOSYS, so that a C library that tries a newer call falls back to an older
// one.
//
// Executing a program, making a process, tracing, mounting, keys, BPF, io_uring and the like are not on the
// list. Opening and mapping files is: libraries are loaded at the first call of the control API
// (lib/base/lazy_library.h), and keys, journal and /proc are read while it runs; what may be opened is up to
// user id and file modes. Plain values and one call; any thread.
#pragma once

#include <linux/filter.h>

#include <vector>

#include "lib/base/result.h"

namespace sidestep::sidecar {

// `log_only`: what is not on the list is allowed, and logged by the kernel.
std::vector<sock_filter> make_syscall_filter(bool log_only);

// For all threads of the process, for good. REQUIRES: no_new_privs is set.
Status install_syscall_filter(bool log_only);

}  // namespace sidestep::sidecar
