// The option table as text for people: --help, docs/options.md, docs/limits.md. A test compares the two
// files.
#pragma once

#include <string>

#include "sidecar/config/option_table.h"

namespace sidestep::sidecar {

std::string usage(Program program);
std::string options_markdown();
std::string limits_markdown();
// Of a limit of the request path, in sidestep_limit_hits_total: "max_head_bytes" for --max-head-bytes.
std::string limit_name(const OptionRow& row);

}  // namespace sidestep::sidecar
