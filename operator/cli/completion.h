// Completion scripts for shells, made from the program's own verbs and flags, so that they cannot fall
// behind. Pure.
#pragma once

#include <string>
#include <vector>

namespace sidestep::op::cli {

struct VerbHelp {
  std::string name;
  std::string help;
  std::vector<std::string> flags;  // "--namespace", long names alone
  bool takes_policy = false;       // its argument is the name of a ReloadPolicy
};

// `shell` is bash, zsh, fish, or kubectl: the last is the program kubectl_complete-sidestep, which
// kubectl 1.26 and newer call when a person completes "kubectl sidestep …". Empty for any other.
std::string completion_script(const std::string& shell, const std::vector<VerbHelp>& verbs);

}  // namespace sidestep::op::cli
