#include "lib/base/lazy_library.h"

#include <dlfcn.h>
#include <link.h>

#include <cstdlib>

#include "lib/base/log.h"

// Made by cmake/lazy_library.sh: the names, ended by a null pointer. Absent where libraries are linked as
// usual.
extern "C" [[gnu::weak]] const char* const sidestep_lazy_libraries[];

namespace sidestep {
namespace {

void* open_library(const char* library) { return dlopen(library, RTLD_LAZY | RTLD_LOCAL); }  // never closed

std::string reason() {
  const char* why = dlerror();
  return why == nullptr ? "unknown reason" : why;
}

// As the loader was asked for it: the name that an image must have, not that of the file behind a symbolic
// link.
int add_path(dl_phdr_info* info, std::size_t, void* paths) {
  const std::string path = info->dlpi_name == nullptr ? "" : info->dlpi_name;
  if (path.rfind('/', 0) == 0) static_cast<std::vector<std::string>*>(paths)->push_back(path);
  return 0;
}

}  // namespace

Status load_lazy_libraries() {
  for (std::size_t i = 0; sidestep_lazy_libraries != nullptr && sidestep_lazy_libraries[i] != nullptr; ++i) {
    if (open_library(sidestep_lazy_libraries[i]) == nullptr) {
      return unavailable("cannot load a library: " + reason() + "; install it, see sidestep --libraries");
    }
  }
  return {};
}

std::vector<std::string> libraries_with_lazy_ones() {
  if (!load_lazy_libraries()) return {};
  std::vector<std::string> paths;
  dl_iterate_phdr(add_path, &paths);
  return paths;
}

}  // namespace sidestep

// Called by the generated entry of each function, once per function. There is no way to say no.
extern "C" void* sidestep_lazy_function(const char* library, const char* function) {
  void* handle = sidestep::open_library(library);
  void* address = handle == nullptr ? nullptr : dlsym(handle, function);
  if (address != nullptr) return address;
  sidestep::log::error("cannot load a library", {{"error", sidestep::reason()}});
  sidestep::log::stop();
  std::abort();
}
