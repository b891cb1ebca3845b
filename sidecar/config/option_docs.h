// The option table as text for people: --help, docs/options.md, docs/limits.md. A test compares the two
// files.
#pragma once

#include <string>

#include "sidecar/config/option_table.h"

namespace sidestep::sidecar {

std::string usage(Program program);
std::string options_markdown();
std::string limits_markdown();

}  // namespace sidestep::sidecar
