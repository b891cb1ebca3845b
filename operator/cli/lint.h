// kubectl sidestep lint: the rules of lib/policy/lint.h, and those that need a database of time zones. Pure:
// text in, lines out.
#pragma once

#include <vector>

#include "lib/policy/lint.h"

namespace sidestep::op::cli {

// A policy is held against its workload in whichever file it is.
policy::LintLines lint(const std::vector<policy::LintFile>& inputs);

}  // namespace sidestep::op::cli
