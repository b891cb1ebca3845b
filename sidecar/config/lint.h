// `sidestep lint`: reads policies and the manifests of the pods that they are for, and prints what would go
// wrong later; lib/policy/lint.h has the rules.
//
// Looks at files alone, never at a cluster. Any thread.
#pragma once

#include <string>
#include <vector>

#include "sidecar/config/machine.h"

namespace sidestep::sidecar {

// The command: its words, what it prints, and its exit status: 0 (warnings at most) or 2.
struct LintOutcome {
  std::string out;
  int status = 0;
};
LintOutcome run_lint(const std::vector<std::string>& words, const Machine& machine);

}  // namespace sidestep::sidecar
