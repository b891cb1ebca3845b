// Whole manifests from tests/lib/policy/inject, and one reason to refuse at a time.
// SIDESTEP_WRITE_GOLDEN=1 in the environment writes the expected files anew.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <sstream>

#include "lib/policy/manifest.h"
#include "lib/policy/manifest_inject.h"

namespace sidestep::policy {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr const char* kImage = "sidestep.dev/sidecar:test";

std::string golden_path(const std::string& name) {
  return std::string(SIDESTEP_SOURCE_DIR) + "/tests/lib/policy/inject/" + name;
}
std::string golden_text(const std::string& name) {
  std::ifstream file(golden_path(name));
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}
InjectedText injected(const std::string& text, bool all = false) {
  return inject_manifests({{"in.yaml", text}}, kImage, all);
}

class Golden : public ::testing::TestWithParam<const char*> {};

TEST_P(Golden, BecomesWhatStandsBesideIt) {
  const std::string name = GetParam();
  const InjectedText made = injected(golden_text(name + ".in.yaml"));
  EXPECT_THAT(made.mistakes, IsEmpty());
  EXPECT_EQ(made.changed, 1u);
  std::string notes;
  for (const std::string& note : made.notes) notes += note + "\n";
  if (std::getenv("SIDESTEP_WRITE_GOLDEN") != nullptr) {
    std::ofstream(golden_path(name + ".out.yaml")) << made.text;
    std::ofstream(golden_path(name + ".notes.txt")) << notes;
  }
  EXPECT_EQ(made.text, golden_text(name + ".out.yaml"));
  EXPECT_EQ(notes, golden_text(name + ".notes.txt"));
}

TEST_P(Golden, AgainChangesNothing) {
  const std::string once = injected(golden_text(GetParam() + std::string(".in.yaml"))).text;
  const InjectedText twice = injected(once);
  EXPECT_EQ(twice.text, once);
  EXPECT_EQ(twice.changed, 0u);
}

TEST_P(Golden, HasNoMistakesInTheEyesOfLint) {
  EXPECT_THAT(
      lint({}, {{"out.yaml", injected(golden_text(GetParam() + std::string(".in.yaml"))).text}}).mistakes,
      IsEmpty());
}

INSTANTIATE_TEST_SUITE_P(Inject, Golden,
                         ::testing::Values("deployment", "statefulset", "daemonset-host-port", "host-network",
                                           "list-with-pod-and-several-containers", "pinned"),
                         [](const auto& each) {
                           std::string name = each.param;
                           std::erase(name, '-');
                           return name;
                         });

std::string pod(const std::string& container, const std::string& spec = "",
                const std::string& annotations = "") {
  return "kind: Pod\nmetadata: {name: a, labels: {sidestep.dev/inject: \"true\"}, annotations: {" +
         annotations + "}}\nspec:\n  containers: [{name: web, " + container + "}]\n" + spec;
}
std::vector<std::string> refusals(const std::string& container, const std::string& spec = "",
                                  const std::string& annotations = "") {
  const InjectedText made = injected(pod(container, spec, annotations));
  EXPECT_EQ(made.changed, made.mistakes.empty() ? 1u : 0u);
  return made.mistakes;
}
constexpr const char* kGood = "command: [x], ports: [{containerPort: 8080}]";

TEST(Inject, WithoutACommandItSaysWhatToAdd) {
  EXPECT_THAT(refusals("image: i, ports: [{containerPort: 8080}]"),
              ElementsAre(AllOf(HasSubstr("in.yaml:4: Pod/a: spec.containers[web].command: absent: "),
                                HasSubstr("add command: [PROGRAM"))));
}

TEST(Inject, AContainerOrPortThatCouldBeSeveralIsAskedFor) {
  EXPECT_THAT(refusals("command: [x]"), ElementsAre(HasSubstr("add ports: [{containerPort: 8080}]")));
  EXPECT_THAT(refusals("command: [x], ports: [{containerPort: 1}, {containerPort: 2}]"),
              ElementsAre(HasSubstr("add the annotation sidestep.dev/port: \"1\"")));
  EXPECT_THAT(refusals(std::string(kGood) + "}, {name: b"), IsEmpty());
  EXPECT_THAT(refusals(std::string(kGood) + "}, {name: b, ports: [{containerPort: 2}]"),
              ElementsAre(HasSubstr("add the annotation sidestep.dev/container: web")));
  EXPECT_THAT(refusals(kGood, "", "sidestep.dev/container: nobody"),
              ElementsAre(HasSubstr("write one of web")));
  EXPECT_THAT(refusals(kGood, "", "sidestep.dev/port: smtp"), ElementsAre(HasSubstr("write one of 8080")));
  EXPECT_THAT(refusals(kGood, "", "sidestep.dev/app-protocol: http3"),
              ElementsAre(HasSubstr("write http1 or h2c")));
}

TEST(Inject, APodThatEndsOrIsOnTheHostsNetworkOrRunsWindowsIsRefused) {
  EXPECT_THAT(refusals(kGood, "  restartPolicy: Never\n"),
              ElementsAre(HasSubstr("write restartPolicy: Always")));
  EXPECT_THAT(refusals(kGood, "  hostNetwork: true\n"),
              ElementsAre(HasSubstr("add the annotation sidestep.dev/control-port: \"18086\"")));
  EXPECT_THAT(refusals(kGood, "  os: {name: windows}\n"), ElementsAre(HasSubstr("runs on Linux only")));
  EXPECT_THAT(refusals("command: [x], ports: [{containerPort: 80}]", "  hostNetwork: true\n",
                       "sidestep.dev/control-port: \"18086\""),
              ElementsAre(HasSubstr("ports below 1024")));
  EXPECT_THAT(refusals(kGood, "", "sidestep.dev/control-port: \"80\""),
              ElementsAre(HasSubstr("from 1024 to 65535")));
}

TEST(Inject, NamesThatItNeedsAreNotTakenOver) {
  EXPECT_THAT(refusals(kGood, "  volumes: [{name: sidestep, emptyDir: {}}]\n"),
              ElementsAre(HasSubstr("spec.volumes: sidestep: ")));
  EXPECT_THAT(refusals(std::string(kGood) + ", volumeMounts: [{name: v, mountPath: /sidestep}]"),
              ElementsAre(HasSubstr("mount it elsewhere")));
}

TEST(Inject, AScriptOrProbeThatNamesThePortIsRefused) {
  EXPECT_THAT(refusals("command: [sh, -c, exec app --port 8080], ports: [{containerPort: 8080}]"),
              ElementsAre(HasSubstr("write {port} or $PORT in its place")));
  EXPECT_THAT(refusals("command: [sh, -c, exec app --port 18080], ports: [{containerPort: 8080}]"),
              IsEmpty());
  EXPECT_THAT(refusals(std::string(kGood) + ", livenessProbe: {exec: {command: [curl, 'localhost:8080']}}"),
              ElementsAre(HasSubstr("in place of exec")));
  EXPECT_THAT(refusals(std::string(kGood) + ", readinessProbe: {httpGet: {port: 8080, scheme: HTTPS}}"),
              ElementsAre(HasSubstr("let the app serve plain HTTP")));
}

constexpr const char* kPolicy =
    "---\napiVersion: sidestep.dev/v1alpha1\nkind: ReloadPolicy\nmetadata: {name: p}\nspec:\n"
    "  selector: {matchLabels: {sidestep.dev/inject: \"true\"}}\n";

// Before, a policy that says nothing of readiness made of it a check that the port opens.
TEST(Inject, AnHttpProbeIsKeptOrRefusedAndNeverOnlyAConnect) {
  const std::string probed = std::string(kGood) + ", readinessProbe: {httpGet: {port: 8080, path: /ready}}";
  EXPECT_THAT(injected(pod(probed)).text, HasSubstr(R"(\"httpGet\":{\"path\":\"/ready\"})"));
  EXPECT_THAT(
      refusals(probed, kPolicy),
      ElementsAre(AllOf(HasSubstr("in.yaml:4: Pod/a: spec.containers[web].readinessProbe.httpGet.path: "
                                  "/ready: "),
                        HasSubstr("write readiness: {httpGet: {path: /ready}}"))));
  EXPECT_THAT(refusals(probed, std::string(kPolicy) + "  readiness: {httpGet: {path: /other}}\n"), IsEmpty());
  const LintLines labelled = lint({}, {{"in", pod(probed) + kPolicy}});
  EXPECT_THAT(labelled.mistakes, IsEmpty());
  EXPECT_THAT(labelled.warnings, ElementsAre(HasSubstr("only checks that the port opens")));
  const std::string late = injected(pod(probed)).text + kPolicy;
  const LintLines lines = lint({}, {{"out", late}});
  EXPECT_THAT(lines.warnings, ElementsAre(HasSubstr("only checks that the port opens")));
}

// Before, any number that was equal to the port was replaced, a time limit too.
TEST(Inject, OnlyWhatCanBeNothingElseBecomesThePort) {
  struct Row {
    const char* command;
    const char* becomes;  // "": stays, with a note
  };
  const Row rows[] = {{"a, --port, '80'", "{port}"},
                      {"a, -p, '80'", "{port}"},
                      {"a, --http-port=80", "--http-port={port}"},
                      {"a, -Dserver.port=80", "-Dserver.port={port}"},
                      {"a, ':80'", ":{port}"},
                      {"a, '0.0.0.0:80'", "0.0.0.0:{port}"},
                      {"a, --timeout, '80'", ""},
                      {"a, --timeout=80", ""},
                      {"a, --port-timeout=80", ""},
                      {"a, --support=80", ""},
                      {"a, port, '80'", ""},
                      {"a, --port=http, '80'", ""},
                      {"a, --reuseport, '80'", ""},
                      {"a, --port-reuse, '80'", ""},
                      {"a, --no-port, '80'", ""},
                      {"a, --port-queue=80", ""},
                      {"a, --buffer=80k", ""},
                      {"a, --upstream=db:80", ""},
                      {"sh, -c, sleep 80; exec a --port $PORT", ""}};
  for (const Row& row : rows) {
    const InjectedText made =
        injected(pod("command: [" + std::string(row.command) + "], ports: [{containerPort: 80}]"));
    EXPECT_THAT(made.mistakes, IsEmpty()) << row.command;
    EXPECT_THAT(made.notes, ElementsAre(HasSubstr(*row.becomes == 0 ? "80 may be anything here; write {port}"
                                                                    : "becomes " + std::string(row.becomes))))
        << row.command;
    EXPECT_EQ(made.text.find("{port}") != std::string::npos, *row.becomes != 0) << row.command;
  }
  const InjectedText env = injected(
      pod("command: [a], ports: [{containerPort: 80}], env: [{name: SUPPORT_LEVEL, value: '80'}, {name: "
          "PORT_MAX, value: '80'}, {name: HTTP_PORT, value: '80'}]"));
  EXPECT_THAT(env.notes, ElementsAre(HasSubstr("env[HTTP_PORT]: 80: ")));
  const InjectedText addresses =
      injected(pod("command: [a], ports: [{containerPort: 80}], env: [{name: SERVE_ON, value: '0.0.0.0:80'}, "
                   "{name: UPSTREAM, value: 'localhost:80'}, {name: HTTP, value: ':80'}]"));
  EXPECT_THAT(addresses.notes, ElementsAre(HasSubstr("env[SERVE_ON]: 0.0.0.0:80: "), HasSubstr("env[HTTP]: :80: ")));
  EXPECT_THAT(refusals("command: [a, '--listen=web:80'], ports: [{containerPort: 80}]"),
              ElementsAre(HasSubstr("write {port} or $PORT in its place")));
}

TEST(Inject, AProbeOfAnotherContainerThatAsksTheAppIsNoted) {
  EXPECT_THAT(
      injected(pod(std::string(kGood) + "}, {name: b, livenessProbe: {tcpSocket: {port: 8080}}")).notes,
      ElementsAre(AllOf(HasSubstr("Pod/a: spec.containers[b].livenessProbe: 8080: "),
                        HasSubstr("asks the app through the proxy"))));
}

// Before, a policy was for the workload of that name in whichever namespace.
TEST(Inject, APolicyOfAnotherNamespaceIsForNobodyHere) {
  const auto made = [](const std::string& theirs, const std::string& ours) {
    std::string text = pod(kGood) + kPolicy + "  exposeGeneration: true\n";
    if (!theirs.empty()) text.replace(text.find("name: p"), 7, "name: p, namespace: " + theirs);
    if (!ours.empty()) text.replace(text.find("name: a"), 7, "name: a, namespace: " + ours);
    const std::string out = injected(text).text;
    EXPECT_EQ(lint({}, {{"in", text}}).mistakes.empty(), true);
    return out.find(R"(\"exposeGeneration\":true)") != std::string::npos;
  };
  EXPECT_FALSE(made("prod", "test"));
  EXPECT_TRUE(made("prod", "prod"));
  EXPECT_TRUE(made("", "test")) << "it goes where it is applied";
  EXPECT_TRUE(made("prod", ""));
}

TEST(Inject, AGracePeriodThatDoesNotFitIsRefused) {
  EXPECT_THAT(refusals(kGood, "  terminationGracePeriodSeconds: 3\n"),
              ElementsAre(AllOf(HasSubstr("spec.terminationGracePeriodSeconds: 3: "),
                                HasSubstr("gracePeriodSeconds"))));
}

TEST(Inject, OnlyLabelledWorkloadsAreTouchedAndWithAllEveryOneThatDoesNotSayNo) {
  const std::string plain =
      "kind: Pod\nmetadata: {name: a}\nspec: {containers: [{name: w, " + std::string(kGood) + "}]}\n";
  const std::string no =
      "kind: Pod\nmetadata: {name: a, labels: {sidestep.dev/inject: 'false'}}\nspec: {containers: []}\n";
  EXPECT_EQ(injected(plain).text, plain);
  EXPECT_EQ(injected(plain, true).changed, 1u);
  EXPECT_EQ(injected(no, true).text, no);
}

TEST(Inject, TextWithoutWorkloadsPassesByteForByte) {
  const std::string text = "---\n# first\na: 1\n---\nb:   2 # odd\n---\n";
  EXPECT_EQ(injected(text).text, text);
  EXPECT_THAT(injected("a: [\n").mistakes, ElementsAre(HasSubstr("in.yaml:")));
}

TEST(Inject, SeveralFilesBecomeOneStream) {
  const InjectedText made = inject_manifests({{"a", "a: 1"}, {"b", "b: 2\n"}}, kImage, false);
  EXPECT_EQ(made.text, "a: 1\n---\nb: 2\n");
}

TEST(Inject, SourcesOfThePolicyAreMountedWhereTheSidecarSeesThem) {
  const InjectedText made =
      injected(pod(kGood, "  volumes: [{name: c, configMap: {name: conf}}]\n") +
               "---\napiVersion: sidestep.dev/v1alpha1\nkind: ReloadPolicy\nmetadata: {name: p}\nspec:\n"
               "  selector: {matchLabels: {sidestep.dev/inject: \"true\"}}\n  triggers: {configMaps: [{name: "
               "conf}]}\n");
  EXPECT_THAT(made.text, HasSubstr("\"ConfigMap/conf=/etc/sidestep/sources/configmap-conf\""));
  EXPECT_THAT(lint({}, {{"out", made.text}}).mistakes, IsEmpty());
}

}  // namespace
}  // namespace sidestep::policy
