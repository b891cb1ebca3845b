// Policies and manifests with one thing wrong at a time, and the manifests that we ship, with nothing wrong.
#include "sidecar/config/lint.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <sstream>

namespace sidestep::sidecar {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr const char* kPod = R"(kind: Deployment
metadata: {name: shop}
spec:
  template:
    spec:
      terminationGracePeriodSeconds: 30
      initContainers:
      - name: sidestep
        restartPolicy: Always
        env: [{name: SIDESTEP_POLICY, value: "shutdown: {gracePeriodSeconds: 30}"}]
        lifecycle: {preStop: {exec: {}}, postStart: {exec: {}}}
      containers:
      - name: shop
        command: [/sidestep/sidestep-launch, --, /bin/shop, --port, "{port}"]
        env: [{name: GREETING, value: hi}]
)";

std::string changed(std::string text, const std::string& from, const std::string& to) {
  const std::size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return text.replace(at, from.size(), to);
}

Findings of(const std::string& manifest) { return lint({}, {{"pod.yaml", manifest}}); }
Findings of_changed(const std::string& from, const std::string& to) { return of(changed(kPod, from, to)); }

std::string source_text(const std::string& path) {
  std::ifstream file(std::string(SIDESTEP_SOURCE_DIR) + "/" + path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

TEST(Lint, AGoodPodHasNoFindings) {
  EXPECT_THAT(of(kPod).mistakes, IsEmpty());
  EXPECT_THAT(of(kPod).warnings, IsEmpty());
}

TEST(Lint, TheManifestsThatWeShipHaveNoFindings) {
  const Findings findings = lint({{"reloadpolicy.yaml", source_text("manifests/example/reloadpolicy.yaml")}},
                                 {{"deployment.yaml", source_text("manifests/example/deployment.yaml")}});
  EXPECT_THAT(findings.mistakes, IsEmpty());
  EXPECT_THAT(findings.warnings, IsEmpty());
}

TEST(Lint, AnUnknownFieldIsAMistakeWithPlaceValueAndFix) {
  EXPECT_THAT(lint({{"p.yaml", "readines: {}\n"}}, {}).mistakes,
              ElementsAre("p.yaml:1: readines: {map}: is not a known field; did you mean \"readiness\"?"));
}

TEST(Lint, APolicyWithinAManifestKeepsItsLines) {
  const Findings findings =
      of("kind: ConfigMap\n---\napiVersion: sidestep.dev/v1alpha1\nkind: ReloadPolicy\n"
         "metadata: {name: a}\nspec:\n  hold: {maxRequests: -1}\n");
  EXPECT_THAT(findings.mistakes, ElementsAre(HasSubstr("pod.yaml:7: spec.hold.maxRequests: -1:")));
}

TEST(Lint, AGracePeriodLongerThanThePodsIsAMistakeAndAShorterOneAWarning) {
  const Findings longer = of_changed("PeriodSeconds: 30\n", "PeriodSeconds: 20\n");
  EXPECT_THAT(longer.mistakes,
              ElementsAre(HasSubstr("pod.yaml:6: spec.template.spec.terminationGracePeriodSeconds: 20:")));
  EXPECT_THAT(of_changed("PeriodSeconds: 30\n", "PeriodSeconds: 60\n").warnings,
              ElementsAre(HasSubstr("the rest is never used")));
}

TEST(Lint, WithoutANumberThePodHasKubernetesOwnGracePeriod) {
  EXPECT_THAT(of_changed("      terminationGracePeriodSeconds: 30\n", "").mistakes, IsEmpty());
}

TEST(Lint, APolicyIsComparedWithTheWorkloadThatItNames) {
  const auto of_target = [](const std::string& name) {
    return lint({{"p.yaml", "targetRef: {apiVersion: apps/v1, kind: Deployment, name: " + name +
                                "}\nshutdown: {gracePeriodSeconds: 40}\n"}},
                {{"pod.yaml", kPod}});
  };
  EXPECT_THAT(of_target("shop").mistakes, ElementsAre(HasSubstr("p.yaml reckons with")));
  EXPECT_THAT(of_target("other").mistakes, IsEmpty());
}

TEST(Lint, AnAppThatTrustsLoopbackIsWarnedOf) {
  EXPECT_THAT(
      of_changed("{name: GREETING, value: hi}", "{name: TRUSTED_PROXIES, value: 127.0.0.1/8}").warnings,
      ElementsAre(HasSubstr(".env.TRUSTED_PROXIES: 127.0.0.1/8: behind the sidecar every client")));
  EXPECT_THAT(of_changed("--port", "--allow-from=localhost, --port").warnings,
              ElementsAre(HasSubstr("--allow-from=localhost")));
  EXPECT_THAT(of_changed("--port", "--internal-networks, 127.0.0.0/8, --port").warnings,
              ElementsAre(HasSubstr("127.0.0.0/8")));
}

TEST(Lint, AnAppThatListensEverywhereIsWarnedOf) {
  EXPECT_THAT(of_changed("--port", "--host, 0.0.0.0, --port").warnings,
              ElementsAre(HasSubstr("can be reached around the proxy")));
}

TEST(Lint, ASidecarThatIsNotToldOfTheEndOrIsNoSidecarIsAMistake) {
  EXPECT_THAT(of_changed("preStop: {exec: {}}, ", "").mistakes,
              ElementsAre(HasSubstr("lifecycle.preStop: absent")));
  EXPECT_THAT(of_changed(", postStart: {exec: {}}", "").mistakes,
              ElementsAre(HasSubstr("lifecycle.postStart: absent")));
  EXPECT_THAT(of_changed("        restartPolicy: Always\n", "").mistakes,
              ElementsAre(HasSubstr("restartPolicy: absent")));
}

TEST(Lint, AnAppThatTheLauncherDoesNotStartIsAMistake) {
  EXPECT_THAT(of_changed("/sidestep/sidestep-launch, --, /bin/shop", "/bin/shop").mistakes,
              ElementsAre(HasSubstr("no container is started by sidestep-launch")));
  EXPECT_THAT(of_changed("--, /bin/shop, --port, \"{port}\"", "--").mistakes,
              ElementsAre(HasSubstr("is given no app")));
}

TEST(Lint, TheCommandNamesEveryFileThatItCannotRead) {
  const std::map<std::string, std::string> files{{"good.yaml", kPod}};
  Machine machine;
  machine.read_file = [&](const std::string& path, std::size_t) -> Result<std::string> {
    if (files.count(path) == 0) return system_error("open", 2);
    return files.at(path);
  };
  EXPECT_EQ(run_lint({"--manifest", "good.yaml"}, machine).status, 0);
  const LintOutcome outcome = run_lint({"--policy=no.yaml", "--manifest", "neither.yaml"}, machine);
  EXPECT_EQ(outcome.status, 2);
  EXPECT_THAT(outcome.out, HasSubstr("--policy: \"no.yaml\""));
  EXPECT_THAT(outcome.out, HasSubstr("--manifest: \"neither.yaml\""));
  EXPECT_EQ(run_lint({}, machine).status, 2);
  EXPECT_EQ(run_lint({"--polcy", "x"}, machine).status, 2);
}

}  // namespace
}  // namespace sidestep::sidecar
