#include "operator/io/views.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace sidestep::op {
namespace {

using Json = nlohmann::json;

Json pod() {
  return Json::parse(R"({
    "metadata": {"name": "shop-1", "namespace": "n", "uid": "u", "creationTimestamp": "2026-11-23T09:30:00Z",
                 "labels": {"app": "shop", "pod-template-hash": "abc"}, "annotations": {"sidestep.dev/refresh": "7"}},
    "spec": {"initContainers": [{"name": "sidestep", "restartPolicy": "Always",
                                 "ports": [{"name": "http", "containerPort": 8080}, {"name": "sidestep-ctl", "containerPort": 8086}]}],
             "containers": [{"name": "app", "ports": [{"name": "web", "containerPort": 8080}]}]},
    "status": {"phase": "Running", "podIP": "10.0.0.7", "conditions": [{"type": "Ready", "status": "True"}]}})");
}

TEST(PodView, KeepsWhatADecisionNeeds) {
  const auto view = pod_view(pod());
  ASSERT_TRUE(view);
  EXPECT_EQ(view->name, "shop-1");
  EXPECT_EQ(view->template_hash(), "abc");
  EXPECT_TRUE(view->is_ready);
  EXPECT_FALSE(view->is_terminating);
  EXPECT_EQ(view->ip, "10.0.0.7");
  EXPECT_EQ(view->control_port, 8086);
  EXPECT_EQ(view->refresh, "7");
  EXPECT_EQ(view->probe_through_proxy, "");
}

TEST(PodView, LabelsThatAreAlikeAreKeptOnceAndThoseOfNobodyAreForgotten) {
  LabelPool pool;
  const SharedLabels first = pool.share(SharedLabels(Labels{{"app", "shop"}}));
  const SharedLabels again = pool.share(SharedLabels(Labels{{"app", "shop"}}));
  EXPECT_EQ(first.pointer(), again.pointer());
  EXPECT_EQ(first, SharedLabels(Labels{{"app", "shop"}}));
  for (int i = 0; i < 5'000; ++i) pool.share(SharedLabels(Labels{{"app", std::to_string(i)}}));
  EXPECT_LE(pool.size(), 1'025u);
  EXPECT_EQ(pool.share(SharedLabels(Labels{{"app", "shop"}})).pointer(), first.pointer());
}

TEST(PodView, EachContainerBesideTheSidecarIsLookedAt) {
  Json two = pod();
  two["spec"]["containers"].push_back(
      Json::parse(R"({"name": "log", "envFrom": [{"configMapRef": {"name": "log-config"}}],
    "livenessProbe": {"httpGet": {"port": 8080}}})"));
  const auto view = pod_view(two);
  EXPECT_EQ(view->control_port, 8086);
  EXPECT_EQ(view->probe_through_proxy, "container log: livenessProbe on port 8080");
  ASSERT_EQ(view->fixed_uses.size(), 1u);
  EXPECT_EQ(view->fixed_uses[0].how, "container log: envFrom");
}

TEST(PodView, PodBeingDeletedOrEndedIsTerminating) {
  Json deleted = pod();
  deleted["metadata"]["deletionTimestamp"] = "2026-11-23T09:31:00Z";
  EXPECT_TRUE(pod_view(deleted)->is_terminating);
  Json ended = pod();
  ended["status"]["phase"] = "Failed";
  EXPECT_TRUE(pod_view(ended)->is_terminating);
}

TEST(PodView, CopiesOfPinnedSourcesAreNamedWhileThePodMayReadThem) {
  Json mounting = pod();
  mounting["spec"]["volumes"] = Json::parse(R"([
    {"name": "a", "configMap": {"name": "sidestep-kept-shop-config-1"}},
    {"name": "b", "secret": {"secretName": "sidestep-staged-shop-db-2"}},
    {"name": "c", "projected": {"sources": [{"secret": {"name": "sidestep-previous-shop-db-2"}}]}},
    {"name": "d", "configMap": {"name": "sidestep-trust"}}])");
  const std::vector<std::string> copies{"ConfigMap/sidestep-kept-shop-config-1",
                                        "Secret/sidestep-staged-shop-db-2",
                                        "Secret/sidestep-previous-shop-db-2"};
  EXPECT_EQ(pod_view(mounting)->copies, copies);
  mounting["metadata"]["deletionTimestamp"] = "2026-11-23T09:31:00Z";
  EXPECT_EQ(pod_view(mounting)->copies, copies);
  mounting["status"]["phase"] = "Failed";
  EXPECT_TRUE(pod_view(mounting)->copies.empty());
}

TEST(PodView, PodWithoutOurContainerHasNoControlPort) {
  Json plain = pod();
  plain["spec"].erase("initContainers");
  EXPECT_EQ(pod_view(plain)->control_port, 0);
}

TEST(PodView, ProbeOfTheAppThroughTheProxyIsNamedByNumberByNameAndByListenVariable) {
  Json by_number = pod();
  by_number["spec"]["containers"][0]["livenessProbe"] = {{"httpGet", {{"port", 8080}}}};
  EXPECT_EQ(pod_view(by_number)->probe_through_proxy, "container app: livenessProbe on port 8080");
  Json by_name = pod();
  by_name["spec"]["containers"][0]["readinessProbe"] = {{"tcpSocket", {{"port", "web"}}}};
  EXPECT_EQ(pod_view(by_name)->probe_through_proxy, "container app: readinessProbe on port 8080");
  Json by_variable = pod();
  by_variable["spec"]["initContainers"][0]["env"] = {
      {{"name", "SIDESTEP_LISTEN"}, {"value", "0.0.0.0:9000,[::]:9001"}}};
  by_variable["spec"]["containers"][0]["startupProbe"] = {{"grpc", {{"port", 9001}}}};
  EXPECT_EQ(pod_view(by_variable)->probe_through_proxy, "container app: startupProbe on port 9001");
}

TEST(PodView, OwnProbesOfTheSidecarAndProbesOfOtherPortsAreFine) {
  Json fine = pod();
  fine["spec"]["initContainers"][0]["readinessProbe"] = {{"httpGet", {{"port", 8080}}}};
  fine["spec"]["containers"][0]["livenessProbe"] = {{"httpGet", {{"port", 9999}}}};
  EXPECT_EQ(pod_view(fine)->probe_through_proxy, "");
}

TEST(PodView, NodeAndZoneAreKept) {
  Json there = pod();
  there["spec"]["nodeName"] = "node-a";
  there["metadata"]["labels"]["topology.kubernetes.io/zone"] = "zone-1";
  EXPECT_EQ(pod_view(there)->node, "node-a");
  EXPECT_EQ(pod_view(there)->zone, "zone-1");
}

TEST(PodView, OwnTokenAndTheMarkOfTheOneThatWasDealtWithAreKept) {
  Json annotated = pod();
  annotated["metadata"]["annotations"] = {{"sidestep.dev/reload", "t2"},
                                          {"sidestep.dev/handled-reload", "t1"}};
  EXPECT_EQ(pod_view(annotated)->reload_token, "t2");
  EXPECT_EQ(pod_view(annotated)->handled_token, "t1");
}

TEST(WorkloadView, DeploymentRollsOutWhileItsControllerIsBehindOrReplacesPods) {
  Json deployment =
      Json::parse(R"({"metadata": {"name": "shop", "namespace": "n", "uid": "u", "generation": 4,
      "annotations": {"sidestep.dev/reload": "t"}},
    "spec": {"replicas": 3, "selector": {"matchLabels": {"app": "shop"}}},
    "status": {"observedGeneration": 4, "replicas": 3, "updatedReplicas": 3}})");
  auto view = workload_view(deployment, "Deployment");
  EXPECT_FALSE(view->is_rolling_out);
  EXPECT_EQ(view->reload_token, "t");
  EXPECT_EQ(view->template_token, "");
  EXPECT_EQ(view->replicas, 3);
  EXPECT_TRUE(matches(view->selector, {{"app", "shop"}}));
  deployment["status"]["observedGeneration"] = 3;
  EXPECT_TRUE(workload_view(deployment, "Deployment")->is_rolling_out);
  deployment["status"]["observedGeneration"] = 4;
  deployment["status"]["replicas"] = 4;  // an old pod is still there
  EXPECT_TRUE(workload_view(deployment, "Deployment")->is_rolling_out);
}

TEST(WorkloadView, StatefulSetTellsItsTemplateAndOnDeleteNeverRollsOut) {
  Json set =
      Json::parse(R"({"metadata": {"name": "db", "namespace": "n", "generation": 1}, "spec": {"replicas": 2},
    "status": {"observedGeneration": 1, "updateRevision": "db-2", "currentRevision": "db-1"}})");
  EXPECT_EQ(workload_view(set, "StatefulSet")->template_hash, "db-2");
  EXPECT_TRUE(workload_view(set, "StatefulSet")->is_rolling_out);
  set["spec"]["updateStrategy"] = {{"rollingUpdate", {{"partition", 1}}}};
  EXPECT_TRUE(workload_view(set, "StatefulSet")->is_rolling_out);
  set["status"]["updatedReplicas"] = 1;  // all that the partition lets it replace
  EXPECT_FALSE(workload_view(set, "StatefulSet")->is_rolling_out);
  EXPECT_EQ(workload_view(set, "StatefulSet")->partition, 1);
  set["spec"]["updateStrategy"] = {{"type", "OnDelete"}};
  EXPECT_FALSE(workload_view(set, "StatefulSet")->is_rolling_out);
}

TEST(WorkloadView, DaemonSetCountsScheduledPods) {
  const Json set = Json::parse(R"({"metadata": {"name": "d", "namespace": "n", "generation": 1}, "spec": {},
    "status": {"observedGeneration": 1, "desiredNumberScheduled": 5, "updatedNumberScheduled": 4}})");
  EXPECT_EQ(workload_view(set, "DaemonSet")->replicas, 5);
  EXPECT_TRUE(workload_view(set, "DaemonSet")->is_rolling_out);
}

TEST(DisruptionView, AnEmptySelectorCoversEveryPodAndAnAbsentOneNone) {
  const auto view = [](const char* spec, const char* status) {
    return *disruption_view(
        Json::parse(std::string(R"({"metadata": {"name": "b", "generation": 2}, "spec": )") + spec +
                    R"(, "status": )" + status + "}"));
  };
  const Labels shop{{"app", "shop"}};
  const char* fresh = R"({"observedGeneration": 2, "disruptionsAllowed": 3})";
  EXPECT_TRUE(view(R"({"selector": {}})", fresh).covers(shop));
  EXPECT_FALSE(view("{}", fresh).covers(shop));
  EXPECT_TRUE(view(R"({"selector": {"matchLabels": {"app": "shop"}}})", fresh).covers(shop));
  EXPECT_FALSE(view(R"({"selector": {"matchLabels": {"app": "cart"}}})", fresh).covers(shop));
  EXPECT_EQ(view("{}", fresh).allowed, 3);
  EXPECT_TRUE(view("{}", fresh).is_known);
  EXPECT_FALSE(view("{}", R"({"observedGeneration": 1, "disruptionsAllowed": 3})").is_known);
  EXPECT_FALSE(view("{}", "{}").is_known);
}

TEST(Selector, EveryOperatorAndAnEmptyOneMatchesNothing) {
  const auto matching = [](const char* selector, const Labels& labels) {
    return matches(selector_from_json(Json::parse(selector)), labels);
  };
  EXPECT_FALSE(matching("{}", {{"a", "1"}}));
  const char* all =
      R"({"matchLabels": {"a": "1"}, "matchExpressions": [{"key": "b", "operator": "NotIn", "values": ["x"]},
      {"key": "c", "operator": "Exists"}, {"key": "d", "operator": "DoesNotExist"}, {"key": "e", "operator": "In", "values": ["p", "q"]}]})";
  EXPECT_TRUE(matching(all, {{"a", "1"}, {"c", ""}, {"e", "q"}}));
  EXPECT_FALSE(matching(all, {{"a", "2"}, {"c", ""}, {"e", "q"}}));
  EXPECT_FALSE(matching(all, {{"a", "1"}, {"b", "x"}, {"c", ""}, {"e", "q"}}));
  EXPECT_FALSE(matching(all, {{"a", "1"}, {"e", "q"}}));
  EXPECT_FALSE(matching(all, {{"a", "1"}, {"c", ""}, {"d", ""}, {"e", "q"}}));
  EXPECT_FALSE(matching(all, {{"a", "1"}, {"c", ""}, {"e", "r"}}));
}

TEST(Selector, OperatorThatIsNotKnownAndOddFieldsMatchNothing) {
  const Labels labels{{"a", "1"}};
  for (const char* odd :
       {R"({"matchExpressions": [{"key": "a", "operator": "Like", "values": ["1"]}]})",
        R"({"matchExpressions": [{"key": "a", "values": ["1"]}]})",
        R"({"matchExpressions": [{"key": "a", "operator": "In", "values": null}]})",
        R"({"matchExpressions": [7], "matchLabels": null})", R"({"matchLabels": "1"})", "[]", "null"})
    EXPECT_FALSE(matches(selector_from_json(Json::parse(odd)), labels)) << odd;
}

}  // namespace
}  // namespace sidestep::op
