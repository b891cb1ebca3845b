// `sidestep lint`: reads policies and the manifests of the pods that they are for, and says what would go
// wrong later: mistakes (nothing should be applied) and warnings (it works, and is likely not what was
// meant). Each line is "file:line: place: value: what is wrong; fix".
//
// Looks at files alone, never at a cluster. Any thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "sidecar/config/machine.h"

namespace sidestep::sidecar {

struct Findings {
  std::vector<std::string> mistakes;
  std::vector<std::string> warnings;
};

// A file that is to be looked at. `text` of a manifest may hold several documents; what is neither a workload
// nor a ReloadPolicy is passed over.
struct LintFile {
  std::string name;
  std::string text;
};
Findings lint(const std::vector<LintFile>& policies, const std::vector<LintFile>& manifests);

// The command: its words, what it prints, and its exit status: 0 (warnings at most) or 2.
struct LintOutcome {
  std::string out;
  int status = 0;
};
LintOutcome run_lint(const std::vector<std::string>& words, const Machine& machine);

}  // namespace sidestep::sidecar
