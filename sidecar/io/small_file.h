// Files of certificates: reads them whole, and tells one state of them from another.
//
// Bounded (1 MiB); follows links, as those of a mounted Secret. Control thread.
#pragma once

#include <string>
#include <vector>

#include "lib/base/result.h"

namespace sidestep::sidecar {

// The error names the file.
Result<std::string> read_small_file(const std::string& path);
// Another text whenever one of the files is another one, or was written.
std::string stamp_of(const std::vector<std::string>& paths);

}  // namespace sidestep::sidecar
