// Shared libraries that are loaded at the first call of one of their functions (cmake/lazy_library.cmake). A
// proxy that nobody steers never pays for TLS and what depends on it. Any thread.
#pragma once

#include <string>
#include <vector>

#include "lib/base/result.h"

namespace sidestep {

// Loads all of them now. Whoever is about to call them asks first: a call that finds its library missing ends
// the process. Idempotent; does nothing where they are linked as usual.
Status load_lazy_libraries();

// Loads all of them and returns the paths of every shared library in the process: what an image must hold
// beside what ldd shows.
std::vector<std::string> libraries_with_lazy_ones();

}  // namespace sidestep
