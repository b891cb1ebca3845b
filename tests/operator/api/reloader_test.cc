// Which sources the annotations of Stakater Reloader name.
#include "operator/api/reloader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace sidestep::api {
namespace {

using Json = nlohmann::json;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

std::vector<std::string> named(const Json& annotations, const Json& of_template = Json::object()) {
  Json workload = Json::parse(R"({"metadata": {"name": "shop"}, "spec": {"template": {"metadata": {}, "spec": {
    "initContainers": [{"name": "sidestep"}],
    "containers": [{"envFrom": [{"configMapRef": {"name": "env-all"}}],
                    "env": [{"name": "A", "valueFrom": {"secretKeyRef": {"name": "env-one"}}}]}],
    "volumes": [{"name": "a", "configMap": {"name": "mounted"}}, {"name": "t", "configMap": {"name": "sidestep-trust"}},
                {"name": "p", "projected": {"sources": [{"secret": {"name": "projected"}},
                                                        {"configMap": {"name": "kube-root-ca.crt"}}]}}]}}}})");
  workload["metadata"]["annotations"] = annotations;
  workload["spec"]["template"]["metadata"]["annotations"] = of_template;
  std::vector<std::string> names;
  for (const policy::Source& source : reloader_sources(workload)) names.push_back(source.text());
  return names;
}

TEST(Reloader, WithoutItsAnnotationsNothingIsNamed) { EXPECT_THAT(named(Json::object()), IsEmpty()); }

TEST(Reloader, AutoIsAllThatThePodsReferTo) {
  EXPECT_THAT(named({{"reloader.stakater.com/auto", "true"}}),
              ElementsAre("ConfigMap/env-all", "ConfigMap/mounted", "Secret/env-one", "Secret/projected"));
  EXPECT_THAT(named({{"secret.reloader.stakater.com/auto", "true"}}),
              ElementsAre("Secret/env-one", "Secret/projected"));
  EXPECT_THAT(named({{"reloader.stakater.com/auto", "false"}}), IsEmpty());
}

TEST(Reloader, NamesAreReadFromListsAndExclusionsTakenOut) {
  EXPECT_THAT(named({{"configmap.reloader.stakater.com/reload", "b, a,,.*"},
                     {"secret.reloader.stakater.com/reload", "s"}}),
              ElementsAre("ConfigMap/a", "ConfigMap/b", "Secret/s"));
  EXPECT_THAT(named({{"configmap.reloader.stakater.com/auto", "true"},
                     {"configmaps.exclude.reloader.stakater.com/reload", "mounted"}}),
              ElementsAre("ConfigMap/env-all"));
}

TEST(Reloader, PodTemplateMayCarryThemToo) {
  EXPECT_THAT(named(Json::object(), {{"configmap.reloader.stakater.com/reload", "a"}}),
              ElementsAre("ConfigMap/a"));
}

TEST(Reloader, SourcesOfThePolicyStayAndRoomIsBounded) {
  std::vector<policy::Source> sources{{policy::SourceKind::kConfigMap, "a", {"key"}, {}}};
  std::vector<policy::Source> more{{policy::SourceKind::kConfigMap, "a", {}, {}}};
  for (int i = 0; i < 40; ++i)
    more.push_back({policy::SourceKind::kConfigMap, "c" + std::to_string(i), {}, {}});
  more.push_back({policy::SourceKind::kSecret, "a", {}, {}});
  add_sources(sources, more);
  EXPECT_EQ(sources.size(), policy::kMostSources + 1);
  EXPECT_THAT(sources[0].include_keys, ElementsAre("key"));
  EXPECT_EQ(sources.back().text(), "Secret/a");
}

TEST(Reloader, WhatIsNoWorkloadNamesNothing) { EXPECT_TRUE(reloader_sources(Json(5)).empty()); }

}  // namespace
}  // namespace sidestep::api
