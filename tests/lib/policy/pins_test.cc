// Pinned sources: names of copies, and what keeps a source from being pinned.
#include "lib/policy/pins.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "lib/policy/lint.h"

namespace sidestep::policy {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

Source config_map(const std::string& name) { return {SourceKind::kConfigMap, name, {}, {}}; }

TEST(CopyName, IsStableAndTellsPoliciesSourcesAndKindsApart) {
  const Source config = config_map("shop-config");
  const std::string name = copy_name("shop", config, Copy::kKept);
  EXPECT_EQ(name, copy_name("shop", config, Copy::kKept));
  EXPECT_THAT(name, testing::MatchesRegex("sidestep-kept-shop-shop-config-[0-9a-f]{8}"));
  EXPECT_NE(name, copy_name("shop", config, Copy::kStaged));
  EXPECT_NE(copy_name("a-b", config_map("c"), Copy::kKept), copy_name("a", config_map("b-c"), Copy::kKept));
  EXPECT_NE(copy_name("shop", {SourceKind::kSecret, "shop-config", {}, {}}, Copy::kKept), name);
}

TEST(CopyName, OfLongNamesIsStillAName) {
  std::string dots(62, 'a');
  dots += ".-" + std::string(100, 'b');
  const std::string name = copy_name(dots, config_map(dots), Copy::kPrevious);
  EXPECT_LE(name.size(), 253u);
  EXPECT_EQ(name.find(".-"), std::string::npos);
}

constexpr const char* kPolicyText =
    "apiVersion: sidestep.dev/v1alpha1\nkind: ReloadPolicy\nmetadata: {name: shop}\nspec:\n"
    "  targetRef: {apiVersion: apps/v1, kind: Deployment, name: shop}\n"
    "  triggers: {configMaps: [{name: cfg, mode: Pinned}]}\n";

std::vector<std::string> mistakes(const std::string& container, const std::string& volumes,
                                  const std::string& config = "  config: [{path: /etc/shop}]\n") {
  const std::string workload =
      "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: shop}\nspec:\n  template:\n"
      "    metadata: {labels: {sidestep.dev/inject: \"true\"}}\n    spec:\n"
      "      containers: [{name: shop, command: [x], ports: [{containerPort: 8080}], " +
      container + "}]\n      volumes: [" + volumes + "]\n";
  return lint({}, {{"in.yaml", workload + "---\n" + kPolicyText + config}}).mistakes;
}
constexpr const char* kVolume = "{name: c, configMap: {name: cfg}}";
constexpr const char* kMount = "volumeMounts: [{name: c, mountPath: /etc/shop}]";

TEST(Pinned, WholeMountsThatAreCopiedForEachGenerationAreFine) {
  EXPECT_THAT(mistakes(kMount, kVolume), IsEmpty());
  EXPECT_THAT(mistakes(kMount, kVolume, "  config: [{path: /etc/shop/shop.yaml}]\n"), IsEmpty());
  EXPECT_THAT(mistakes(kMount, kVolume, "  config: [{path: /etc}]\n"), IsEmpty());
}

TEST(Pinned, EnvironmentIsNot) {
  EXPECT_THAT(mistakes(std::string(kMount) + ", envFrom: [{configMapRef: {name: cfg}}]", kVolume),
              ElementsAre(AllOf(HasSubstr("containers[shop].envFrom: cfg"), HasSubstr("cannot be pinned"))));
  EXPECT_THAT(
      mistakes(std::string(kMount) + ", env: [{name: A, valueFrom: {configMapKeyRef: {name: cfg, key: a}}}]",
               kVolume),
      ElementsAre(HasSubstr("env[A].valueFrom: cfg")));
  EXPECT_THAT(mistakes(std::string(kMount) + ", envFrom: [{configMapRef: {name: other}}]", kVolume), IsEmpty());
}

TEST(Pinned, PartsOfAVolumeAreNot) {
  EXPECT_THAT(mistakes("volumeMounts: [{name: c, mountPath: /etc/shop/a, subPath: a}]", kVolume),
              ElementsAre(HasSubstr("a subPath of ConfigMap/cfg cannot be pinned; mount the folder")));
  EXPECT_THAT(mistakes(kMount, "{name: c, projected: {sources: [{configMap: {name: cfg}}]}}"),
              ElementsAre(HasSubstr("give it a volume of its own")));
  EXPECT_THAT(mistakes(kMount, "{name: c, configMap: {name: cfg, items: [{key: a, path: b}]}}"),
              ElementsAre(HasSubstr("leave items out")));
}

TEST(Pinned, WhatIsNotMountedOrNotCopiedIsNamedWithTheFix) {
  EXPECT_THAT(mistakes("env: []", kVolume), ElementsAre(HasSubstr("shows ConfigMap/cfg nowhere")));
  EXPECT_THAT(mistakes(kMount, kVolume, ""), ElementsAre(HasSubstr("add config: [{path: /etc/shop}]")));
  EXPECT_THAT(mistakes(kMount, kVolume, "  config: [{path: /etc/shop, mode: Live}]\n"),
              ElementsAre(HasSubstr("is not copied for each generation")));
}

TEST(Pinned, AppThatIsToldOfTheMountItselfIsNamed) {
  const std::string told = std::string(kMount) + ", args: [--config=/etc/shop/shop.yaml, --other=/etc/shopping]";
  EXPECT_THAT(mistakes(told, kVolume),
              ElementsAre(AllOf(HasSubstr("args: --config=/etc/shop/shop.yaml"), HasSubstr("write {config}"))));
  EXPECT_THAT(mistakes(std::string(kMount) + ", env: [{name: CFG, value: /etc/shop}]", kVolume),
              ElementsAre(HasSubstr("env[CFG]: /etc/shop")));
}

TEST(Pinned, SecretNeedsALeaveToBeCopied) {
  const auto refused = parse_policy("triggers: {secrets: [{name: a, mode: Pinned}]}", "p");
  ASSERT_FALSE(refused.has_value());
  EXPECT_THAT(refused.error().detail, HasSubstr("triggers.secrets[0].copy"));
  const auto granted = parse_policy("triggers: {secrets: [{name: a, mode: Pinned, copy: true}]}", "p");
  ASSERT_TRUE(granted.has_value());
  const auto again = parse_policy(policy_to_json(*granted), "p");
  ASSERT_TRUE(again.has_value());
  EXPECT_TRUE(again->triggers.sources[0].is_pinned());
  EXPECT_TRUE(again->triggers.sources[0].may_copy);
}

TEST(Pinned, LiveSourcesAreWrittenAsOlderSidecarsReadThem) {
  const auto spec = parse_policy("triggers: {configMaps: [{name: a, mode: Live}]}", "p");
  EXPECT_EQ(policy_to_json(*spec).find("mode\":\"Live"), std::string::npos);
}

}  // namespace
}  // namespace sidestep::policy
