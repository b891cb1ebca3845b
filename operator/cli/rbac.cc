#include "operator/cli/rbac.h"

#include <sstream>

#include "lib/policy/pins.h"
#include "operator/api/pinned.h"

namespace sidestep::op::cli {
namespace {

std::string names_of(const policy::Triggers& triggers, policy::SourceKind kind) {
  std::string names;
  for (const policy::Source& source : triggers.sources)
    if (source.kind == kind) names += (names.empty() ? "" : ", ") + source.name;
  return names;
}

// Of the copies of pinned sources. They are made by a patch (server-side apply), which for a name that does not
// exist yet needs the right to create that name; to set their owner some clusters ask for the right to delete.
std::string copies_of(const std::string& policy, const std::vector<policy::Source>& sources,
                      policy::SourceKind kind) {
  std::string names;
  for (const policy::Source& source : sources) {
    if (source.kind != kind) continue;
    for (const auto copy : {policy::Copy::kKept, policy::Copy::kStaged, policy::Copy::kPrevious})
      names += (names.empty() ? "" : ", ") + policy::copy_name(policy, source, copy);
  }
  return names;
}

std::vector<policy::Source> pinned_of(const policy::Triggers& triggers) {
  std::vector<policy::Source> pinned = triggers.sources;
  std::erase_if(pinned, [](const policy::Source& source) { return !source.is_pinned(); });
  return pinned;
}

std::string rule(const char* resource, const std::string& names, const char* verbs) {
  return std::string("- {apiGroups: [\"\"], resources: [") + resource + "], resourceNames: [" + names +
         "], verbs: [" + verbs + "]}\n";
}

}  // namespace

std::string rbac_yaml(const api::ReloadPolicy& policy, const OperatorAccount& account) {
  const policy::Triggers& triggers = policy.spec.triggers;
  const auto pinned = pinned_of(triggers), unpinned = api::unpinned_sources(policy);
  if (triggers.sources.empty() && unpinned.empty()) return {};
  const std::string meta =
      "metadata: {name: sidestep-" + policy.meta.name + ", namespace: " + policy.meta.name_space + "}\n";
  std::ostringstream out;
  out << "# What the policy " << policy.meta.name
      << " names, by name: a watch of one object needs list and watch.\n"
      << "apiVersion: rbac.authorization.k8s.io/v1\nkind: Role\n"
      << meta << "rules:\n";
  for (const auto& [kind, resource] : {std::pair{policy::SourceKind::kConfigMap, "configmaps"},
                                       std::pair{policy::SourceKind::kSecret, "secrets"}}) {
    const std::string names = names_of(triggers, kind);
    if (!names.empty()) out << rule(resource, names, "get, list, watch");
    const std::string copies = copies_of(policy.meta.name, pinned, kind);
    if (!copies.empty())
      out << "# The copies that are kept of pinned ones.\n"
          << rule(resource, copies, "get, create, patch, delete");
    const std::string left = copies_of(policy.meta.name, unpinned, kind);
    if (!left.empty())
      out << "# What is left of copies of sources that are pinned no longer, until it is gone.\n"
          << rule(resource, left, "get, delete");
  }
  out << "---\napiVersion: rbac.authorization.k8s.io/v1\nkind: RoleBinding\n"
      << meta << "roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: sidestep-"
      << policy.meta.name << "}\nsubjects:\n- {kind: ServiceAccount, name: " << account.name
      << ", namespace: " << account.name_space << "}\n";
  return out.str();
}

}  // namespace sidestep::op::cli
