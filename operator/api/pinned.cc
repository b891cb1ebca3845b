#include "operator/api/pinned.h"

#include <algorithm>
#include <optional>

namespace sidestep::api {
namespace {

std::optional<policy::Source> source_from(const std::string& text) {
  for (const auto kind : {policy::SourceKind::kConfigMap, policy::SourceKind::kSecret}) {
    const std::string prefix = std::string(to_string(kind)) + "/";
    if (!text.starts_with(prefix) || text.size() == prefix.size()) continue;
    policy::Source source;
    source.kind = kind;
    source.name = text.substr(prefix.size());
    return source;
  }
  return std::nullopt;
}

}  // namespace

std::vector<policy::Source> unpinned_sources(const ReloadPolicy& policy) {
  std::vector<policy::Source> unpinned;
  if (!policy.spec_error.empty()) return unpinned;
  const auto& named = policy.spec.triggers.sources;
  for (const std::string& text : policy.status.pinned_sources) {
    const bool is_pinned = std::any_of(named.begin(), named.end(), [&](const policy::Source& source) {
      return source.is_pinned() && source.text() == text;
    });
    if (is_pinned) continue;
    if (auto source = source_from(text)) unpinned.push_back(*std::move(source));
  }
  return unpinned;
}

}  // namespace sidestep::api
