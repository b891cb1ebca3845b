// Which pods come first.
#include "operator/core/order.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/operator/core/sim_cluster.h"

namespace sidestep::op {
namespace {

using ::testing::ElementsAre;

class OrderTest : public ::testing::Test {
 protected:
  OrderTest() { seen_.pods.clear(); }
  ObservedPod& add(const std::string& name, const std::string& zone, const std::string& node, int requests) {
    ObservedPod pod = build::pod(name);
    pod.zone = zone;
    pod.node = node;
    pod.sidecar->active.requests = requests;
    pod.sidecar->active.started_at = build::at(-100);
    seen_.pods.push_back(pod);
    return seen_.pods.back();
  }
  std::vector<std::string> order() {
    const Fleet fleet = fleet_of(seen_, build::reload("r"), "");
    std::vector<const Member*> free;
    for (const Member& member : fleet.members)
      if (member.stance == Stance::kFree) free.push_back(&member);
    std::vector<std::string> names;
    for (const Member* member : in_order(seen_, fleet, free, build::at(0)))
      names.push_back(member->pod->name);
    return names;
  }

  Observed seen_ = build::observed();
};

TEST_F(OrderTest, ZonesInTurnAndInEachTheLeastTrafficFirst) {
  add("busy-a", "a", "n1", 900), add("idle-a", "a", "n2", 10), add("busy-b", "b", "n3", 800),
      add("idle-b", "b", "n4", 20), add("only-c", "c", "n5", 500);
  EXPECT_THAT(order(), ElementsAre("idle-a", "idle-b", "only-c", "busy-b", "busy-a"));
}

TEST_F(OrderTest, WithoutZonesNodesAreSpreadOver) {
  add("x1", "", "n1", 1), add("x2", "", "n1", 2), add("y1", "", "n2", 3);
  EXPECT_THAT(order(), ElementsAre("x1", "y1", "x2"));
}

TEST_F(OrderTest, ZoneThatHasACandidateAlreadyComesLast) {
  ObservedPod& judged = add("a1", "a", "n1", 5);
  judged.sidecar->run = SidecarRun{"uid-of-r", "t", SidecarPhase::kJudging, "", "", 2, 500, true, true, {}};
  add("a2", "a", "n1", 1), add("b1", "b", "n2", 9);
  EXPECT_THAT(order(), ElementsAre("b1", "a2"));
}

TEST_F(OrderTest, TrafficIsARateNotACount) {
  add("old", "", "n1", 1'000).sidecar->active.started_at = build::at(-10'000);
  add("young", "", "n1", 100).sidecar->active.started_at = build::at(-10);
  EXPECT_THAT(order(), ElementsAre("old", "young"));
}

TEST_F(OrderTest, PodThatWasChosenBeforeStaysInFront) {
  add("idle", "a", "n1", 1),
      add("chosen", "a", "n1", 900).refresh = refresh_value(build::reload("r"), build::at(0));
  EXPECT_THAT(order(), ElementsAre("chosen", "idle"));
}

TEST_F(OrderTest, StatefulSetFromTheHighestOrdinalDownToItsPartition) {
  seen_.workload->kind = "StatefulSet";
  seen_.workload->partition = 2;
  for (const char* name : {"db-9", "db-1", "db-10", "db-2", "db-0"}) add(name, "", "n", 1);
  EXPECT_THAT(order(), ElementsAre("db-10", "db-9", "db-2"));
}

TEST_F(OrderTest, DaemonSetByNode) {
  seen_.workload->kind = "DaemonSet";
  add("agent-x", "", "node-b", 1), add("agent-y", "", "node-a", 900);
  EXPECT_THAT(order(), ElementsAre("agent-y", "agent-x"));
}

TEST(OrdinalTest, IsTheNumberBehindTheLastDash) {
  EXPECT_EQ(ordinal_of("shop-db-12"), 12);
  for (const char* name : {"shop", "shop-", "shop-1a", "shop-99999999999", ""})
    EXPECT_EQ(ordinal_of(name), -1) << name;
}

// Whole runs

TEST(OrderRunTest, CanaryOfAStatefulSetIsItsHighestOrdinalAndThePartitionIsLeftAlone) {
  SimCluster cluster(4);  // shop-1 … shop-4
  cluster.world().workload->kind = "StatefulSet";
  cluster.world().workload->partition = 2;
  cluster.policy().spec.rollout.steps = {build::step(build::count(1), 500, 30),
                                         build::step(build::percent(100), 10'000)};
  cluster.annotate("t1");
  ASSERT_TRUE(cluster.run_until([&] { return cluster.pod("shop-4").seen.sidecar->run.has_value(); }));
  EXPECT_FALSE(cluster.pod("shop-3").seen.sidecar->run);
  ASSERT_TRUE(cluster.run_to_end());
  EXPECT_EQ(cluster.status().phase, api::ReloadPhase::kSucceeded) << cluster.status().end_message;
  EXPECT_EQ(cluster.status().pods.desired, 3);
  EXPECT_EQ(cluster.pod("shop-1").generations, 1) << "below the partition";
}

TEST(OrderRunTest, EvictedCanaryIsReplacedByAnotherPodAndTheRunEndsRight) {
  SimCluster cluster(3);
  cluster.policy().spec.rollout.steps = {build::step(build::count(1), 500, 10),
                                         build::step(build::percent(100), 10'000)};
  cluster.annotate("t1");
  ASSERT_TRUE(cluster.run_until([&] { return cluster.pod("shop-1").seen.sidecar->run.has_value(); }));
  cluster.pod("shop-1").seen.is_terminating = true;  // phase Failed, reason Evicted
  ASSERT_TRUE(cluster.run_until([&] { return cluster.pod("shop-2").seen.sidecar->run.has_value(); }));
  ASSERT_TRUE(cluster.run_to_end());
  EXPECT_EQ(cluster.status().phase, api::ReloadPhase::kSucceeded) << cluster.status().end_message;
}

TEST(OrderRunTest, ScaledDownInTheMiddleGoesOnWithThePodsThatAreLeft) {
  SimCluster cluster(4);
  cluster.policy().spec.rollout.steps = {build::step(build::percent(50), 500, 10),
                                         build::step(build::percent(100), 10'000)};
  cluster.annotate("t1");
  ASSERT_TRUE(cluster.run_until([&] { return cluster.status().step == 1; }));
  cluster.run_for(Seconds(3));
  cluster.world().workload->replicas = 1;
  for (const char* gone : {"shop-1", "shop-2", "shop-3"}) cluster.kill_pod(gone);
  ASSERT_TRUE(cluster.run_to_end());
  EXPECT_EQ(cluster.status().phase, api::ReloadPhase::kSucceeded) << cluster.status().end_message;
  EXPECT_EQ(cluster.status().pods.desired, 1);
}

TEST(OrderRunTest, PodThatLosesItsSidecarInTheMiddleIsNotWaitedForForever) {
  SimCluster cluster(3);
  cluster.policy().spec.rollout.steps = {build::step(build::count(1), 500, 10),
                                         build::step(build::percent(100), 10'000)};
  cluster.annotate("t1");
  ASSERT_TRUE(cluster.run_until([&] { return cluster.pod("shop-1").seen.sidecar->run.has_value(); }));
  cluster.pod("shop-1").seen.has_sidecar = false;
  ASSERT_TRUE(cluster.run_to_end());
  EXPECT_EQ(cluster.status().phase, api::ReloadPhase::kSucceeded) << cluster.status().end_message;
  EXPECT_EQ(cluster.pod("shop-2").generations, 2);
}

}  // namespace
}  // namespace sidestep::op
