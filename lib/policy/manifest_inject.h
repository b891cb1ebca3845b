// Injection for whole YAML streams: `kubectl sidestep inject`. Which documents are changed, and what the
// others look like afterwards: byte for byte as before. Pure: text in, text out.
#pragma once

#include <string>
#include <vector>

#include "lib/policy/lint.h"
#include "lib/policy/pod_inject.h"

namespace sidestep::policy {

struct InjectedText {
  std::string text;                   // to be used only when there are no mistakes
  std::size_t changed = 0;            // workloads
  std::vector<std::string> mistakes;  // "file:line: KIND/NAME: place: value: what is wrong; fix"
  std::vector<std::string> notes;     // the same shape
};

// Workloads whose pod template has the label sidestep.dev/inject: "true", with `all` also those that have no
// such label. A ReloadPolicy in any of the files is used for the workload that it names. Comments of changed
// documents are lost; the order of fields is kept.
InjectedText inject_manifests(const std::vector<LintFile>& files, const std::string& image, bool all);

}  // namespace sidestep::policy
