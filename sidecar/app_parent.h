// From options to the settings of the parent process: how its worker and, under `sidestep run`, its launcher
// are started.
#pragma once

#include <string>
#include <vector>

#include "lib/base/result.h"
#include "sidecar/config/option_table.h"
#include "sidecar/config/options.h"

namespace sidestep::sidecar {

// The hidden verb of a worker: `sidestep worker run …`.
inline constexpr const char* kWorkerVerb = "worker";

// `name` is argv[0], `arguments` are those of the verb. Prepares what must be there before the first worker:
// the launcher in its volume (proxy), and a copy of the policy, so that a worker that is started again does
// not depend on a file that may have been edited meanwhile. Then runs the parent until everything has ended;
// returns the exit status.
Result<int> run_parent(Program program, const char* name, const std::vector<std::string>& arguments,
                       const Options& options);

// `sidestep parent FILE …` (kParentVerb): the program that an upgrade has put in place of the parent's own
// goes on.
Result<int> resume_parent(const std::string& file);

}  // namespace sidestep::sidecar
