// Pinned sources: the names of the copies that the operator keeps of them, where pods mount these, and what
// keeps a source from being pinned in a pod. The operator, injection and lint agree here. Pure.
//
// Three copies of each source, each with one stable name per policy and source:
// - kept: what every pod starts with; the content of the last reload that succeeded
// - staged: what the reload that runs, or ran last, brings
// - previous: what was kept before, for undo
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "lib/policy/document.h"
#include "lib/policy/pod_judge.h"
#include "lib/policy/spec.h"

namespace sidestep::policy {

enum class Copy : std::uint8_t { kKept, kStaged, kPrevious };
std::string_view to_string(Copy copy);  // "kept", "staged", "previous"

// "sidestep-kept-POLICY-SOURCE-<8 hex digits of SHA-256 over policy, newline, KIND/SOURCE>"; long names are
// cut. A ConfigMap of a ConfigMap, a Secret of a Secret.
std::string copy_name(std::string_view policy, const Source& source, Copy copy);
// Whether an object of this name may be one.
bool is_copy_name(std::string_view name);
// "ConfigMap/sidestep-staged-…": as the sidecar names the staged copy in what it reports.
std::string staged_text(std::string_view policy, const Source& source);

// Where the app's container mounts the copy: "/etc/sidestep/kept/configmap-shop-config".
std::string copy_folder(const Source& source, Copy copy);

// A mount of the source in a container, whole and at a path.
struct PinnedMount {
  std::string path;
  const Value* where = nullptr;
};
// Those of the container's volume mounts that show the source.
std::vector<PinnedMount> mounts_of(const Value& pod_spec, const Value& container, const Source& source);

// Why the source cannot be pinned in this container: environment, subPath, projected volumes, or no snapshot
// of it. Each is a mistake. `place` is of the container.
std::vector<Finding> judge_pinned(const Value& pod_spec, const Value& container, const std::string& place,
                                  const PolicySpec& policy);

}  // namespace sidestep::policy
