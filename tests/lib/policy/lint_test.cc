// Policies and manifests with one thing wrong at a time, and the manifests that we ship, with nothing wrong.
#include "lib/policy/lint.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

namespace sidestep::policy {
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

std::string with(std::string text, const std::string& from, const std::string& to) {
  const auto at = text.find(from);
  EXPECT_NE(at, text.npos) << from;
  return text.replace(at, from.size(), to);
}
std::string without(std::string text, const std::string& line) {
  const auto at = text.find(line);
  EXPECT_NE(at, text.npos) << line;
  return text.erase(at, text.find('\n', at) + 1 - at);
}

LintLines of(const std::string& manifest) { return lint({}, {{"pod.yaml", manifest}}); }
LintLines of_changed(const std::string& from, const std::string& to) {
  return of(with(example("deployment.yaml"), from, to));
}
LintLines of_missing(const std::string& line) { return of(without(example("deployment.yaml"), line)); }

TEST(Lint, TheManifestsThatWeShipHaveNoFindings) {
  for (const LintLines& found :
       {lint({{"p.yaml", example("reloadpolicy.yaml")}}, {{"d.yaml", example("deployment.yaml")}}),
        lint({}, {{"d.yaml", example("deployment.yaml")}, {"p.yaml", example("reloadpolicy.yaml")}})}) {
    EXPECT_THAT(found.mistakes, IsEmpty());
    EXPECT_THAT(found.warnings, IsEmpty());
  }
}

TEST(Lint, AnUnknownFieldIsAMistakeWithPlaceValueAndFix) {
  EXPECT_THAT(lint({{"p.yaml", "readines: {}\n"}}, {}).mistakes,
              ElementsAre("p.yaml:1: readines: {map}: is not a known field; did you mean \"readiness\"?"));
}

TEST(Lint, APolicyInALaterDocumentKeepsItsLines) {
  const auto found =
      of("kind: ConfigMap\n---\napiVersion: sidestep.dev/v1alpha1\nkind: ReloadPolicy\n"
         "metadata: {name: a}\nspec:\n  selector: {matchLabels: {a: b}}\n  hold: {maxRequests: -1}\n");
  EXPECT_THAT(found.mistakes, ElementsAre(HasSubstr("pod.yaml:8: spec.hold.maxRequests: -1:")));
}

TEST(Lint, APolicyAmongManifestsNeedsATargetAndOneInAFileOfItsOwnDoesNot) {
  const std::string policy = "apiVersion: sidestep.dev/v1alpha1\nkind: ReloadPolicy\nspec: {}\n";
  EXPECT_THAT(of(policy).mistakes, ElementsAre(HasSubstr("neither targetRef nor selector")));
  EXPECT_THAT(lint({{"p.yaml", policy}}, {}).mistakes, IsEmpty());
}

TEST(Lint, WhatTheCallerChecksOfAPolicyIsAddedWithItsFile) {
  const auto check = [](const Value& document, const PolicySpec&) {
    return std::vector<Finding>{{document.line, "spec", "x", "is odd; write y"}};
  };
  const std::string policy =
      "apiVersion: sidestep.dev/v1alpha1\nkind: ReloadPolicy\nspec:\n  selector: {matchLabels: {a: b}}\n";
  EXPECT_THAT(lint({}, {{"p.yaml", policy}}, check).mistakes,
              ElementsAre("p.yaml:1: spec: x: is odd; write y"));
}

constexpr const char* kPlain =
    "kind: Deployment\nmetadata: {name: shop}\nspec:\n  template:\n    spec:\n"
    "      containers: [{name: shop, image: i}]\n";

TEST(Lint, APodWithoutASidecarIsAWarningAndAMistakeOnlyWhereAPolicyIsForIt) {
  const auto found = of(kPlain);
  EXPECT_THAT(found.mistakes, IsEmpty());
  EXPECT_THAT(found.warnings,
              ElementsAre(AllOf(HasSubstr("pod.yaml:6: Deployment/shop: spec.template.spec.initContainers"),
                                HasSubstr("no container is named sidestep"))));
  const std::string target = "targetRef: {apiVersion: apps/v1, kind: Deployment, name: shop}\n";
  EXPECT_EQ(lint({{"p.yaml", target}}, {{"pod.yaml", kPlain}}).mistakes.size(), 1u);
}

TEST(Lint, APodThatWillBeInjectedNeedsNoSidecar) {
  const std::string labelled =
      with(kPlain, "    spec:", "    metadata: {labels: {sidestep.dev/inject: \"true\"}}\n    spec:");
  const auto found = of(with(labelled, "image: i", "command: [x], ports: [{containerPort: 80}]"));
  EXPECT_THAT(found.mistakes, IsEmpty());
  EXPECT_THAT(found.warnings, IsEmpty());
  EXPECT_THAT(of(labelled).mistakes, ElementsAre(HasSubstr("add ports: [{containerPort: 8080}]")));
}

TEST(Lint, ASidecarThatIsNotNativeOrNotToldOfTheEndIsAMistake) {
  EXPECT_THAT(of_missing("          preStop:").mistakes,
              ElementsAre(HasSubstr("lifecycle.preStop: absent: nobody tells the sidecar")));
  EXPECT_THAT(of_missing("          postStart:").mistakes,
              ElementsAre(HasSubstr("[sidestep, wait, --listening]")));
  EXPECT_THAT(of_missing("        restartPolicy: Always").mistakes,
              ElementsAre(HasSubstr("initContainers[sidestep].restartPolicy: absent")));
  EXPECT_THAT(of_changed("      initContainers:\n", "      containers:\n").mistakes,
              Contains(HasSubstr("a regular container ends together with the app")));
  EXPECT_THAT(of_missing("        - {name: sidestep-ctl").mistakes,
              ElementsAre(HasSubstr("containerPort: 8086")));
}

TEST(Lint, AGraceLongerThanThePodsIsAMistakeAndAShorterOneAWarning) {
  EXPECT_THAT(of_changed("PeriodSeconds: 30\n", "PeriodSeconds: 20\n").mistakes,
              ElementsAre(AllOf(HasSubstr("env[SIDESTEP_GRACE_SECONDS]: 30: "), HasSubstr("write \"20\""))));
  EXPECT_THAT(of_changed("PeriodSeconds: 30\n", "PeriodSeconds: 60\n").warnings,
              ElementsAre(HasSubstr("the rest is never used; write \"60\"")));
  EXPECT_THAT(of_missing("      terminationGracePeriodSeconds: 30").mistakes, IsEmpty());
}

TEST(Lint, WithoutTheVariableTheFirstPolicysGraceCounts) {
  const std::string bare = without(with(example("deployment.yaml"), "gracePeriodSeconds: 30, endpoints",
                                        "gracePeriodSeconds: 45, endpoints"),
                                   "        - {name: SIDESTEP_GRACE_SECONDS");
  EXPECT_THAT(of(bare).mistakes, ElementsAre(AllOf(HasSubstr("pod.yaml:15: "),
                                                   HasSubstr("SIDESTEP_POLICY of the sidecar reckons"))));
}

TEST(Lint, AFirstPolicyThatCannotBeReadIsAMistake) {
  EXPECT_THAT(of_changed("exposeGeneration", "exposeGenerations").mistakes,
              ElementsAre(AllOf(HasSubstr("env[SIDESTEP_POLICY]"), HasSubstr("exposeGenerations"))));
}

TEST(Lint, APolicyIsComparedWithTheWorkloadThatItNames) {
  const auto of_target = [](const std::string& name) {
    return lint({{"p.yaml", "targetRef: {apiVersion: apps/v1, kind: Deployment, name: " + name +
                                "}\nshutdown: {gracePeriodSeconds: 40}\n"}},
                {{"pod.yaml", example("deployment.yaml")}});
  };
  EXPECT_THAT(of_target("shop").mistakes,
              ElementsAre(AllOf(HasSubstr("p.yaml reckons with shutdown.gracePeriodSeconds: 40"),
                                HasSubstr("terminationGracePeriodSeconds: 30"), HasSubstr("at least 40"))));
  EXPECT_THAT(of_target("other").mistakes, IsEmpty());
}

TEST(Lint, SourcesThatThePodCannotSeeOrRefreshAreNamed) {
  const std::string policy =
      "targetRef: {apiVersion: apps/v1, kind: Deployment, name: shop}\n"
      "triggers: {configMaps: [{name: shop-config}]}\n";
  const auto found =
      lint({{"p.yaml", policy}}, {{"d.yaml", with(example("deployment.yaml"),
                                                  "ConfigMap/shop-config=/etc/shop", "ConfigMap/other=/x")}});
  EXPECT_THAT(found.mistakes, ElementsAre(AllOf(HasSubstr("env[SIDESTEP_SOURCE]: ConfigMap/other=/x"),
                                                HasSubstr("ConfigMap/shop-config=FOLDER"))));
  std::string sub_path = example("deployment.yaml");
  const auto at = sub_path.rfind("mountPath: /etc/shop, ");
  sub_path.insert(at, "subPath: shop.yaml, ");
  EXPECT_THAT(lint({{"p.yaml", policy}}, {{"d.yaml", sub_path}}).mistakes,
              ElementsAre(HasSubstr("a subPath of ConfigMap/shop-config is never refreshed")));
}

TEST(Lint, AnAppThatTheLauncherDoesNotStartIsAMistake) {
  EXPECT_THAT(of_changed("/sidestep/sidestep-launch, --, /bin/shop", "/bin/shop").mistakes,
              ElementsAre(HasSubstr("no container is started by sidestep-launch")));
  EXPECT_THAT(of_changed("--, /bin/shop]", "--]").mistakes, ElementsAre(HasSubstr("is given no app")));
  EXPECT_THAT(of_changed("--, /bin/shop]", "--]\n        args: [/bin/shop]").mistakes, IsEmpty());
}

TEST(Lint, ASecondContainerIsFineBesideTheAppAndAMistakeBehindTheSameSidecar) {
  const auto beside = [](const std::string& command) {
    return of_changed("      containers:\n",
                      "      containers:\n      - {name: second, image: i, command: [" + command + "]}\n");
  };
  EXPECT_THAT(beside("/bin/second").mistakes, IsEmpty());
  EXPECT_THAT(beside("/sidestep/sidestep-launch, --, /bin/second").mistakes,
              ElementsAre(AllOf(HasSubstr("containers[shop].command: sidestep-launch: a second container"),
                                HasSubstr("or let second start both"))));
}

TEST(Lint, AProbeThatGoesThroughTheProxyIsAMistake) {
  EXPECT_THAT(
      of_changed("        image: sidestep.dev/shop:0.1.0\n",
                 "        image: sidestep.dev/shop:0.1.0\n        livenessProbe: {httpGet: {path: /, port: "
                 "8080}}\n")
          .mistakes,
      ElementsAre(AllOf(HasSubstr("containers[shop].livenessProbe: 8080"), HasSubstr("policy's readiness"))));
}

TEST(Lint, AProbeOfAnotherContainerThatAsksTheAppIsWarnedOf) {
  const auto found = [](const std::string& probe) {
    return of_changed(
        "      containers:\n",
        "      containers:\n      - {name: helper, image: h, ports: [{name: web, containerPort: "
        "9}], livenessProbe: " +
            probe + "}\n");
  };
  for (const char* probe : {"{httpGet: {port: 8080}}", "{exec: {command: [curl, 'localhost:8080/']}}"}) {
    EXPECT_THAT(found(probe).warnings,
                ElementsAre(AllOf(HasSubstr("containers[helper].livenessProbe: "),
                                  HasSubstr("probe what this container itself serves"))));
    EXPECT_THAT(found(probe).mistakes, IsEmpty());
  }
  EXPECT_THAT(found("{httpGet: {port: web}}").warnings, IsEmpty());
  EXPECT_THAT(found("{exec: {command: [test, -f, /tmp/18080]}}").warnings, IsEmpty());
}

TEST(Lint, APolicyOfAnotherNamespaceIsNotHeldAgainstAWorkload) {
  const auto mistakes = [](const char* name_space) {
    return of("kind: Pod\nmetadata: {name: a, namespace: test}\nspec: {containers: [{name: w}]}\n---\n"
              "apiVersion: sidestep.dev/v1alpha1\nkind: ReloadPolicy\nmetadata: {name: p, namespace: " +
              std::string(name_space) + "}\nspec:\n  selector: {matchLabels: {a: \"\"}}\n")
        .mistakes;
  };
  EXPECT_THAT(mistakes("prod"), IsEmpty());
  EXPECT_THAT(mistakes("test"), ElementsAre(HasSubstr("no container is named sidestep")));
}

TEST(Lint, AnAppThatTrustsLoopbackOrListensEverywhereIsWarnedOf) {
  const auto with_args = [](const std::string& args) {
    return of_changed("--, /bin/shop]", "--, /bin/shop, " + args + "]").warnings;
  };
  EXPECT_THAT(with_args("--allow-from=localhost"), ElementsAre(HasSubstr("--allow-from=localhost")));
  EXPECT_THAT(with_args("--internal-networks, 127.0.0.0/8"), ElementsAre(HasSubstr("127.0.0.0/8")));
  EXPECT_THAT(with_args("--host, 0.0.0.0"), ElementsAre(HasSubstr("can be reached around the proxy")));
  EXPECT_THAT(of_changed("        image: sidestep.dev/shop:0.1.0\n",
                         "        env: [{name: TRUSTED_PROXIES, value: 127.0.0.1/8}]\n        image: i\n")
                  .warnings,
              ElementsAre(HasSubstr(".env[TRUSTED_PROXIES]: 127.0.0.1/8: behind the sidecar every client")));
}

TEST(Lint, AHostNetworkWithoutPortsAndAPodThatIsMeantToEndAreMistakes) {
  EXPECT_THAT(of_changed("      initContainers:\n", "      restartPolicy: OnFailure\n      initContainers:\n")
                  .mistakes,
              ElementsAre(HasSubstr("restartPolicy: OnFailure: a pod that is meant to end")));
  const std::string on_host = with(example("deployment.yaml"), "      initContainers:\n",
                                   "      hostNetwork: true\n      initContainers:\n");
  EXPECT_THAT(of(on_host).mistakes, IsEmpty());
  EXPECT_THAT(of(without(without(on_host, "        - {name: http, containerPort: 8080}"),
                         "        - {name: SIDESTEP_LISTEN"))
                  .mistakes,
              ElementsAre(HasSubstr("hostNetwork: true: needs explicit ports")));
}

TEST(Lint, AWorkloadInAListIsLookedAt) {
  EXPECT_THAT(of("kind: List\nitems: [{kind: Pod, metadata: {name: a}, spec: {containers: []}}]\n").warnings,
              ElementsAre(HasSubstr("Pod/a: spec.initContainers")));
}

TEST(Lint, TextWithNothingToCheckAndBrokenYamlAreMistakes) {
  EXPECT_THAT(of("kind: Service\n").mistakes, ElementsAre(HasSubstr("there is no ReloadPolicy")));
  EXPECT_EQ(of("a: [\n").mistakes.size(), 1u);
}

}  // namespace
}  // namespace sidestep::policy
