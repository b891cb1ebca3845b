// Findings of lint: each names file, line, place, value and fix; what is right is silent.
#include "operator/cli/lint.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "operator/cli/completion.h"

namespace sidestep::op::cli {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::string example(const std::string& name) {
  std::ifstream file(std::string(SIDESTEP_SOURCE_DIR) + "/manifests/example/" + name);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

std::string without(std::string text, const std::string& line) {
  const auto at = text.find(line);
  EXPECT_NE(at, text.npos) << line;
  return text.erase(at, text.find('\n', at) + 1 - at);
}
std::string with(std::string text, const std::string& from, const std::string& to) {
  const auto at = text.find(from);
  EXPECT_NE(at, text.npos) << from;
  return text.replace(at, from.size(), to);
}
std::vector<std::string> of_pod(const std::string& text) { return lint({{"d.yaml", text}}); }

TEST(Lint, ExampleIsFine) {
  EXPECT_THAT(lint({{"d.yaml", example("deployment.yaml")}, {"p.yaml", example("reloadpolicy.yaml")}}),
              IsEmpty());
}

TEST(Lint, UnknownFieldIsRefusedWithItsLineInALaterDocument) {
  const auto found = lint({{"p.yaml",
                            "apiVersion: v1\nkind: Service\n---\napiVersion: sidestep.dev/v1alpha1\n"
                            "kind: ReloadPolicy\nspec:\n  selector: {matchLabels: {a: b}}\n  holdd: {}\n"}});
  ASSERT_EQ(found.size(), 1u);
  EXPECT_THAT(found[0], AllOf(HasSubstr("p.yaml:8: "), HasSubstr("holdd"), HasSubstr("hold")));
}

TEST(Lint, PolicyWithoutATargetAndOneWithAnUnknownZoneAreNamed) {
  const std::string head = "apiVersion: sidestep.dev/v1alpha1\nkind: ReloadPolicy\n";
  EXPECT_THAT(lint({{"p", head + "spec: {}\n"}}), ElementsAre(HasSubstr("neither targetRef nor selector")));
  EXPECT_THAT(lint({{"p", head + "spec:\n  selector: {matchLabels: {a: b}}\n"
                                 "  triggers: {schedule: {cron: '0 3 * * *', timeZone: Mars/Olympus}}\n"}}),
              ElementsAre(HasSubstr("Mars/Olympus")));
}

TEST(Lint, PodTemplateWithoutASidecarSaysWhatToAdd) {
  const auto found = of_pod(
      "kind: Deployment\nmetadata: {name: shop}\nspec:\n  template:\n    spec:\n"
      "      containers: [{name: shop, image: i}]\n");
  EXPECT_THAT(found,
              ElementsAre(AllOf(HasSubstr("d.yaml:6: Deployment/shop: spec.template.spec.initContainers"),
                                HasSubstr("no container is named sidestep"))));
}

TEST(Lint, EachThingThatWouldLoseRequestsIsNamed) {
  const std::string good = example("deployment.yaml");
  EXPECT_THAT(of_pod(without(good, "          preStop:")),
              ElementsAre(HasSubstr("preStop: {exec: {command: [sidestep, pod-ending]}}")));
  EXPECT_THAT(of_pod(without(good, "          postStart:")), ElementsAre(HasSubstr("postStart: {exec:")));
  EXPECT_THAT(of_pod(without(good, "        restartPolicy: Always")),
              ElementsAre(HasSubstr("write restartPolicy: Always")));
  EXPECT_THAT(of_pod(without(good, "        - {name: sidestep-ctl")),
              ElementsAre(HasSubstr("containerPort: 8086")));
  EXPECT_THAT(of_pod(with(good, "[/sidestep/sidestep-launch, --, /bin/shop]", "[/bin/shop]")),
              ElementsAre(HasSubstr("begin its command with /sidestep/sidestep-launch")));
  EXPECT_THAT(
      of_pod(with(good, "terminationGracePeriodSeconds: 30\n", "terminationGracePeriodSeconds: 60\n")),
      ElementsAre(AllOf(HasSubstr("SIDESTEP_GRACE_SECONDS"), HasSubstr("write \"60\""))));
  EXPECT_THAT(of_pod(with(good, "        image: sidestep.dev/shop:0.1.0\n",
                          "        image: sidestep.dev/shop:0.1.0\n        livenessProbe: {httpGet: {path: "
                          "/, port: 8080}}\n")),
              ElementsAre(AllOf(HasSubstr("containers[shop].livenessProbe: 8080"),
                                HasSubstr("the policy's readiness"))));
}

TEST(Lint, PolicyIsHeldAgainstItsWorkloadInAnotherFile) {
  const std::string policy = R"(
apiVersion: sidestep.dev/v1alpha1
kind: ReloadPolicy
metadata: {name: shop}
spec:
  targetRef: {apiVersion: apps/v1, kind: Deployment, name: shop}
  shutdown: {gracePeriodSeconds: 45}
  triggers: {configMaps: [{name: shop-config}]}
)";
  const std::string pod =
      with(example("deployment.yaml"), "ConfigMap/shop-config=/etc/shop", "ConfigMap/other=/x");
  const auto found = lint({{"p.yaml", policy}, {"d.yaml", pod}});
  EXPECT_EQ(found.size(), 2u);
  EXPECT_THAT(found,
              Contains(AllOf(HasSubstr("terminationGracePeriodSeconds: 30"), HasSubstr("at least 45"))));
  EXPECT_THAT(found,
              Contains(AllOf(HasSubstr("SIDESTEP_SOURCE"), HasSubstr("ConfigMap/shop-config=FOLDER"))));
}

TEST(Lint, TextWithNothingToCheckAndBrokenYamlAreFindings) {
  EXPECT_EQ(of_pod("kind: Service\n").size(), 1u);
  EXPECT_EQ(of_pod("a: [\n").size(), 1u);
}

TEST(Completion, ScriptsKnowEveryVerbAndFlag) {
  const std::vector<VerbHelp> verbs{{"status", "look", {"--watch"}, true}, {"lint", "check", {}, false}};
  for (const char* shell : {"bash", "zsh", "fish", "kubectl"}) {
    const std::string script = completion_script(shell, verbs);
    for (const char* part : {"status", "watch", "lint", "reloadpolicies"})
      EXPECT_THAT(script, HasSubstr(part)) << shell;
  }
  EXPECT_EQ(completion_script("tcsh", verbs), "");
}

}  // namespace
}  // namespace sidestep::op::cli
