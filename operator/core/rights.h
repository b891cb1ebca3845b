// What the operator must be allowed to do, rule by rule as in manifests/base/rbac.yaml, and how a missing
// right is said: with the exact rule to add. Pure; io/rights.h asks the API server.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sidestep::op {

// One rule of a Role or ClusterRole.
struct RightsRule {
  std::string group;  // "" is the core group
  std::vector<std::string> resources;
  std::vector<std::string> verbs;
  std::vector<std::string> names = {};  // resourceNames; empty: all
  std::string name_space = {};          // of the Role; empty: a ClusterRole
  std::string what_for = {};            // for a person, completes "so that …"
};

// Names of the operator's own objects.
struct OwnNames {
  std::string name_space;
  std::string lease;
  std::string secret;
  std::string watched = {};  // the one namespace whose policies count; empty: all
  // Both empty: no webhook.
  std::string webhook_secret = {};
  std::string webhook_configuration = {};
};

std::vector<RightsRule> rights_needed(const OwnNames& own);

// One question that the API server answers with yes or no.
struct RightsQuestion {
  std::string group;
  std::string resource;
  std::string subresource;
  std::string verb;
  std::string name;
  std::string name_space;
  bool operator==(const RightsQuestion&) const = default;
};
std::vector<RightsQuestion> questions_of(const RightsRule& rule);

// The part of the rule that grants `missing`, as it stands in a Role's `rules`:
// {apiGroups: [""], resources: [pods], verbs: [patch]}.
std::string rule_text(const RightsRule& rule, const std::vector<RightsQuestion>& missing);

// The rule that a refusal of the API server's RBAC asks for ("… cannot create resource "reloads" in API group
// "sidestep.dev" in the namespace "prod""); absent when the text is of another kind.
std::optional<std::string> rule_of_refusal(std::string_view message);

}  // namespace sidestep::op
