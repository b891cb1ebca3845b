// What is wrong with ReloadPolicies and with the manifests of the pods that they are for, before anything
// reaches a cluster. `sidestep lint` and `kubectl sidestep lint` print it. Pure: text in, lines out.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "lib/policy/pod_judge.h"

namespace sidestep::policy {

// Each line is "file:line: place: value: what is wrong; fix".
struct LintLines {
  std::vector<std::string> mistakes;  // nothing should be applied
  std::vector<std::string> warnings;  // it works, and is likely not what was meant
};

// A file that is to be looked at. `text` of a manifest may hold several documents; what is neither a workload
// nor a ReloadPolicy is passed over.
struct LintFile {
  std::string name;
  std::string text;
};

// What the caller can check of a policy and this layer cannot. `document` holds the spec.
using PolicyCheck = std::function<std::vector<Finding>(const Value& document, const PolicySpec& spec)>;

// `policies` are files of one policy each; one without a target is for whatever it is looked at with. A
// ReloadPolicy among the manifests must have a target.
LintLines lint(const std::vector<LintFile>& policies, const std::vector<LintFile>& manifests,
               const PolicyCheck& check = {});

}  // namespace sidestep::policy
