// What a ConfigMap or Secret holds, as digests: how the operator sees a change, and how it tells whether a
// pod sees it too. The same function on both sides; no value leaves the process that read it. Pure.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "lib/policy/triggers.h"

namespace sidestep::policy {

// Key → 64 hex digits of SHA-256 over its value. An object that does not exist has no keys.
using Digests = std::map<std::string, std::string>;

struct SourceContent {
  std::string source;  // "ConfigMap/shop-config"
  Digests digests;
  bool operator==(const SourceContent&) const = default;
};

// The digests of the keys that count.
Digests counted(const Source& source, const Digests& digests);

// "v1:sha256:…" over all sources, in the order of their names. The form is a contract (docs/contracts.md,
// "Content hash"): a new one gets a new version.
std::string content_hash(std::vector<SourceContent> contents);

}  // namespace sidestep::policy
