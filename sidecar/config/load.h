// Flags, environment and policy file → Options, checked once and constant afterwards. Reports every mistake
// at once, each with place, value and fix; starts and changes nothing. A flag beats the environment variable
// of the same row, and both beat the policy file.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "lib/base/result.h"
#include "sidecar/config/machine.h"
#include "sidecar/config/option_table.h"
#include "sidecar/config/options.h"

namespace sidestep::sidecar {

using Environment = std::vector<std::pair<std::string, std::string>>;

// The process's own environment (environ(7)).
Environment process_environment();

// `arguments` are those after the program's name and its verb ("run" or "proxy").
// On failure the detail has one line per mistake: "place: value: what is wrong; how to write it".
Result<Options> load_options(Program program, const std::vector<std::string>& arguments,
                             const Environment& environment, const Machine& machine);

// Whether --help (or -h) stands before "--".
bool asks_for_help(const std::vector<std::string>& arguments);

}  // namespace sidestep::sidecar
