#include "operator/core/rights.h"

#include <gtest/gtest.h>

namespace sidestep::op {
namespace {

const OwnNames kOwn{"system", "lease", "key"};

TEST(Rights, EachResourceAndVerbOfARuleIsOneQuestion) {
  const RightsRule rule{"sidestep.dev", {"reloads/status"}, {"get", "patch"}, {"a", "b"}, "home", ""};
  const auto questions = questions_of(rule);
  ASSERT_EQ(questions.size(), 4u);
  EXPECT_EQ(questions[3], (RightsQuestion{"sidestep.dev", "reloads", "status", "patch", "b", "home"}));
}

TEST(Rights, RuleNamesOnlyWhatIsMissing) {
  const RightsRule rule{"apps", {"deployments", "daemonsets"}, {"get", "watch"}, {}, "", ""};
  EXPECT_EQ(rule_text(rule, {{"apps", "daemonsets", "", "watch", "", ""}}),
            "{apiGroups: [apps], resources: [daemonsets], verbs: [watch]}");
  EXPECT_EQ(rule_text({"", {"secrets"}, {"get"}, {"key"}, "system", ""},
                      {{"", "secrets", "", "get", "key", "system"}}),
            "{apiGroups: [\"\"], resources: [secrets], resourceNames: [key], verbs: [get]}");
}

TEST(Rights, SecretsAreNeededByNameAndInTheOperatorsOwnNamespaceAlone) {
  for (const RightsRule& rule : rights_needed(kOwn)) {
    if (rule.resources.front() != "secrets") continue;
    EXPECT_EQ(rule.name_space, "system");
    EXPECT_TRUE(rule.verbs == std::vector<std::string>{"create"} ||
                rule.names == std::vector<std::string>{"key"});
  }
}

TEST(Rights, AnOperatorOfOneNamespaceAsksForNothingElsewhere) {
  OwnNames own = kOwn;
  own.watched = "team";
  for (const RightsRule& rule : rights_needed(own)) {
    EXPECT_TRUE(rule.name_space == "team" || rule.name_space == "system");
    EXPECT_NE(rule.resources.front(), "namespaces");
  }
}

TEST(Rights, WebhookNeedsItsSecretAndItsConfigurationWhicheverNamespaceIsWatched) {
  OwnNames own = kOwn;
  const std::size_t without = rights_needed(own).size();
  own.webhook_secret = "tls";
  own.webhook_configuration = "hook";
  for (const char* watched : {"", "team"}) {
    own.watched = watched;
    const auto rules = rights_needed(own);
    EXPECT_EQ(rules.size(), without + 2 - (own.watched.empty() ? 0 : 1));
    const RightsRule &secret = rules[rules.size() - 2], &configuration = rules.back();
    EXPECT_EQ(rule_text(secret, questions_of(secret)),
              "{apiGroups: [\"\"], resources: [secrets], resourceNames: [tls], verbs: [get, patch]}");
    EXPECT_EQ(secret.name_space, "system");
    EXPECT_EQ(rule_text(configuration, questions_of(configuration)),
              "{apiGroups: [admissionregistration.k8s.io], resources: [mutatingwebhookconfigurations], "
              "resourceNames: [hook], verbs: [get, patch]}");
    EXPECT_EQ(configuration.name_space, "");
  }
}

TEST(Rights, RefusalOfTheServerSaysWhichRuleToAdd) {
  EXPECT_EQ(*rule_of_refusal(
                R"(configmaps "sidestep-trust" is forbidden: User "op" cannot patch resource "configmaps" )"
                R"(in API group "" in the namespace "shop")"),
            "{apiGroups: [\"\"], resources: [configmaps], resourceNames: [sidestep-trust], verbs: [patch]}");
  EXPECT_EQ(*rule_of_refusal(
                R"(reloads.sidestep.dev is forbidden: User "op" cannot create resource "reloads" in API )"
                R"(group "sidestep.dev" in the namespace "shop")"),
            "{apiGroups: [sidestep.dev], resources: [reloads], verbs: [create]}");
  EXPECT_FALSE(rule_of_refusal("ValidatingAdmissionPolicy 'x' denied request: no"));
}

}  // namespace
}  // namespace sidestep::op
