// Reloads of a single pod: who asks for them, that they touch no other pod, and how they wait beside those of
// all pods.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "operator/core/queue.h"
#include "operator/core/tokens.h"
#include "tests/operator/core/sim_cluster.h"

namespace sidestep::op {
namespace {

using api::ReloadPhase;
using build::at;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

api::Reload of_pod(const std::string& name, const std::string& pod, WallTime created) {
  api::Reload reload = build::reload(name, "t", created);
  reload.spec.pod = pod;
  return reload;
}

class PodTokenTest : public ::testing::Test {
 protected:
  PodTokenTest() { seen_.pods[1].reload_token = "t1"; }
  TokenDecision decide() { return decide_tokens(seen_); }
  Observed seen_ = build::observed();
};

TEST_F(PodTokenTest, TokenOnAPodMakesOneReloadOfThatPodAndIsMarkedOnceItIsSeen) {
  const TokenDecision first = decide();
  ASSERT_EQ(first.create.size(), 1u);
  EXPECT_EQ(first.create[0].spec.pod, "shop-2");
  EXPECT_EQ(first.create[0].spec.token, "t1");
  EXPECT_THAT(first.marks, IsEmpty());
  EXPECT_THAT(first.handled, IsEmpty()) << "it is no token of the policy";
  seen_.reloads.push_back(of_pod(first.create[0].name, "shop-2", at(0)));
  const TokenDecision second = decide();
  EXPECT_THAT(second.create, IsEmpty());
  EXPECT_THAT(second.marks, ElementsAre(MarkPod{{"shop-2", "uid-of-shop-2"}, "t1"}));
}

TEST_F(PodTokenTest, MarkedTokenDoesNothingAlsoWhenItsReloadIsLongGone) {
  seen_.pods[1].handled_token = "t1";
  EXPECT_THAT(decide().create, IsEmpty());
  EXPECT_THAT(decide().marks, IsEmpty());
}

TEST_F(PodTokenTest, TokenOfTheFirstVisitIsMarkedAndNotRun) {
  seen_.policy->status.observed_generation = 0;
  EXPECT_THAT(decide().create, IsEmpty());
  EXPECT_EQ(decide().marks.size(), 1u);
}

TEST_F(PodTokenTest, TokenThatAPodWasBornWithIsItsTemplatesAndNotRun) {
  seen_.workload->template_token = "t1";
  EXPECT_THAT(decide().create, IsEmpty());
  EXPECT_EQ(decide().marks.size(), 1u);
  seen_.workload->template_token.clear();
  seen_.pods[1].is_ready = false;  // it has just been born
  EXPECT_THAT(decide().create, IsEmpty());
  EXPECT_EQ(decide().marks.size(), 1u);
}

TEST_F(PodTokenTest, SameTokenOnPolicyAndPodIsTwoReloads) {
  seen_.policy->meta.annotations[api::kReloadAnnotation] = "t1";
  EXPECT_EQ(decide().create.size(), 2u);
}

TEST_F(PodTokenTest, PodsOfAnElderPolicyAreLeftToIt) {
  seen_.rivals.push_back({"elder", "u", seen_.policy->meta.creation_time - Seconds(1)});
  EXPECT_THAT(decide().create, IsEmpty());
}

TEST_F(PodTokenTest, ManyPodsAtOnceMakeABoundedNumberOfReloads) {
  seen_ = build::observed(100);
  for (ObservedPod& pod : seen_.pods) pod.reload_token = "t1";
  EXPECT_EQ(decide().create.size(), 20u);
}

TEST(PodQueueTest, ReloadOfAPodSupersedesOlderOnesOfThatPodAloneAndOneOfAllPodsSupersedesEach) {
  Observed seen = build::observed();
  seen.reloads = {build::reload("all", "t", at(0)), of_pod("a", "shop-1", at(1)), of_pod("b", "shop-2", at(2)),
                  of_pod("a2", "shop-1", at(3))};
  Queue queue = queue_of(seen);
  EXPECT_EQ(queue.next->meta.name, "all");
  ASSERT_EQ(queue.superseded.size(), 1u);
  EXPECT_EQ(queue.superseded[0]->meta.name, "a");
  EXPECT_EQ(queue.later.size(), 2u);
  seen.reloads.push_back(build::reload("all2", "t", at(4)));
  queue = queue_of(seen);
  EXPECT_EQ(queue.next->meta.name, "all2");
  EXPECT_EQ(queue.superseded.size(), 4u);
  EXPECT_THAT(queue.later, IsEmpty());
}

class PodReloadTest : public ::testing::Test {
 protected:
  PodReloadTest() { sim_.pod("shop-2").seen.reload_token = "t1"; }
  SimCluster sim_{3};
};

TEST_F(PodReloadTest, TouchesThatPodAlone) {
  ASSERT_TRUE(sim_.run_to_end());
  EXPECT_EQ(sim_.status().phase, ReloadPhase::kSucceeded);
  EXPECT_EQ(sim_.status().pods.desired, 1);
  EXPECT_EQ(sim_.status().pods.updated, 1);
  EXPECT_EQ(sim_.pod("shop-2").generations, 2);
  EXPECT_EQ(sim_.pod("shop-1").generations, 1);
  EXPECT_EQ(sim_.pod("shop-3").generations, 1);
  sim_.run_for(Seconds(30));
  EXPECT_EQ(sim_.created(), 1);
  EXPECT_EQ(sim_.pod("shop-2").seen.handled_token, "t1");
}

TEST_F(PodReloadTest, SaysNothingAboutWhatTheOtherPodsRun) {
  sim_.policy().spec.triggers.sources = {{policy::SourceKind::kConfigMap, "shop-config", {}, {}}};
  sim_.world().sources.hash = "v1:b";
  sim_.policy().status.applied_hash = "v1:a";
  ASSERT_TRUE(sim_.run_to_end());
  sim_.run_for(Seconds(2));
  EXPECT_EQ(sim_.status().config_hash, "");
  EXPECT_EQ(sim_.policy().status.applied_hash, "v1:a");
}

TEST_F(PodReloadTest, EndsWhenItsPodIsGone) {
  ASSERT_TRUE(sim_.run_until([&] { return sim_.pod("shop-2").generations == 2; }));
  sim_.kill_pod("shop-2");
  ASSERT_TRUE(sim_.run_to_end());
  EXPECT_EQ(sim_.status().end_reason, "NoPods");
}

TEST_F(PodReloadTest, PodThatIsNoneOfThePolicysEndsItBeforeItStarts) {
  sim_.pod("shop-2").seen.reload_token.clear();
  sim_.world().reloads.push_back(of_pod("r", "stranger", sim_.now()));
  ASSERT_TRUE(sim_.run_to_end());
  EXPECT_EQ(sim_.status().end_reason, "NoPods");
  EXPECT_THAT(sim_.status().end_message, HasSubstr("stranger is none of the policy's pods"));
  EXPECT_FALSE(sim_.status().start_time);
}

TEST_F(PodReloadTest, FailureIsTriedAgainOnThatPodAlone) {
  sim_.pod("shop-2").fails_at_start = "ExitedEarly";
  ASSERT_TRUE(sim_.run_to_end());
  EXPECT_EQ(sim_.status().phase, ReloadPhase::kFailed);
  sim_.pod("shop-2").fails_at_start.clear();
  sim_.reload().meta.annotations[api::kRetryAnnotation] = "true";
  sim_.run_for(Seconds(60));
  EXPECT_EQ(sim_.created(), 2);
  EXPECT_EQ(sim_.pod("shop-2").generations, 3);
  EXPECT_EQ(sim_.pod("shop-1").generations, 1);
}

}  // namespace
}  // namespace sidestep::op
