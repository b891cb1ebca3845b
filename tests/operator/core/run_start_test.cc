// When a pod's candidate may start: once the pod sees the configuration that the reload is to bring.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/operator/core/sim_cluster.h"

namespace sidestep::op {
namespace {

class RunStartTest : public ::testing::Test {
 protected:
  int under_way() {
    int count = 0;
    for (const auto& [name, pod] : cluster_.pods()) count += pod.ids.empty() ? 0 : 1;
    return count;
  }
  SimCluster cluster_{3};
};

TEST_F(RunStartTest, PodIsRefreshedBeforeItsCandidateStarts) {
  cluster_.annotate("t1");
  ASSERT_TRUE(cluster_.run_until([&] { return !cluster_.pod("shop-1").seen.refresh.empty(); }));
  const WallTime refreshed = cluster_.now();
  ASSERT_TRUE(cluster_.run_until([&] { return under_way() > 0; }));
  EXPECT_GE(cluster_.pod("shop-1").started_at, refreshed + Seconds(2));
}

TEST_F(RunStartTest, PodThatReportsTheWantedContentStartsAtOnceAndOneThatIsBehindWhenItSeesIt) {
  cluster_.policy().spec.triggers.sources = {{policy::SourceKind::kConfigMap, "c", {"k"}, {}}};
  cluster_.world().sources.contents = {{"ConfigMap/c", {{"k", "new"}}}};
  for (const char* name : {"shop-1", "shop-2", "shop-3"})
    cluster_.pod(name).seen.sidecar->sources = {{"ConfigMap/c", {{"k", "new"}, {"other", "x"}}}};
  cluster_.pod("shop-2").seen.sidecar->sources = {{"ConfigMap/c", {{"k", "old"}}}};
  cluster_.annotate("t1");
  ASSERT_TRUE(cluster_.run_until([&] {
    const auto* progress = find_condition(cluster_.status().conditions, condition::kProgressing);
    return progress &&
           progress->message.find("shop-2 does not see what ConfigMap/c holds now") != std::string::npos;
  }));
  EXPECT_FALSE(cluster_.pod("shop-1").ids.empty());
  EXPECT_TRUE(cluster_.pod("shop-2").ids.empty()) << "it would start with the old content";
  cluster_.pod("shop-2").seen.sidecar->sources = {{"ConfigMap/c", {{"k", "new"}}}};
  ASSERT_TRUE(cluster_.run_to_end());
  EXPECT_EQ(cluster_.status().phase, api::ReloadPhase::kSucceeded);
}

TEST_F(RunStartTest, PodWithoutConfigMapsAndSecretsStartsAtOnce) {
  for (auto& [name, pod] : cluster_.pods()) pod.seen.mounts_config = false;
  cluster_.annotate("t1");
  const WallTime annotated = cluster_.now();
  ASSERT_TRUE(cluster_.run_until([&] { return under_way() > 0; }));
  EXPECT_LE(cluster_.pod("shop-1").started_at - annotated, Millis(100));
}

}  // namespace
}  // namespace sidestep::op
