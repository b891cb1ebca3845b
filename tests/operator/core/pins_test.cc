// Pinned sources: what is copied when, that all pods run one content, and the way back.
#include "operator/core/pins.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "operator/core/triggers.h"
#include "tests/operator/core/sim_cluster.h"

namespace sidestep::op {
namespace {

using api::ConditionStatus;
using api::ReloadContent;
using api::ReloadPhase;
using build::at;
using policy::Copy;
using ::testing::Each;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

policy::Source pinned_source(const std::string& name) {
  policy::Source source{policy::SourceKind::kConfigMap, name, {}, {}};
  source.mode = policy::SourceMode::kPinned;
  return source;
}

// Two pinned sources. Their content is named by its hash.
class PinsTest : public ::testing::Test {
 protected:
  PinsTest() {
    sim_.policy().spec.triggers.sources = {pinned_source("shop-config"), pinned_source("shop-db")};
    sim_.policy().spec.triggers.quiet_period = Seconds(0);
    sim_.world().pins = {true, {{0}, {1}}, "", false};
    holds("v1:a");
    for (auto& [name, pod] : sim_.pods()) pod.content = "v1:a";
  }
  // What the driver does at each look.
  void holds(const std::string& hash) {
    sim_.world().sources.hash = hash;
    sim_.world().sources.changes = {};
  }
  void change_to(const std::string& hash) {
    holds(hash);
    sim_.world().sources.changes = policy::noted({}, hash, sim_.policy().status.applied_hash, sim_.now());
  }
  void undo() {
    api::Reload reload = build::reload("undo-" + std::to_string(++undos_), "undo", sim_.now());
    reload.meta.uid += std::to_string(undos_);
    reload.spec.content = ReloadContent::kPrevious;
    sim_.world().reloads.push_back(reload);
  }
  bool at_rest() {
    return sim_.run_until([this] {
      for (const api::Reload& reload : sim_.world().reloads)
        if (!is_final(reload.status.phase)) return false;
      return true;
    });
  }
  void reload_to(const std::string& hash) {
    change_to(hash);
    sim_.run_for(Seconds(3));
    ASSERT_TRUE(at_rest());
    sim_.run_for(Seconds(3));
  }
  std::vector<std::string> contents() {
    std::vector<std::string> all;
    for (auto& [name, pod] : sim_.pods()) all.push_back(pod.content);
    return all;
  }
  const std::string& kept() { return sim_.world().pins.pins[1].kept.hash; }
  const std::string& previous() { return sim_.world().pins.pins[1].previous.hash; }
  api::ReloadPhase last_phase() { return sim_.world().reloads.back().status.phase; }

  SimCluster sim_{3};
  int undos_ = 0;
};

TEST_F(PinsTest, ContentAtFirstSightIsKeptAndNothingIsReloaded) {
  sim_.run_for(Seconds(5));
  EXPECT_EQ(kept(), "v1:a");
  EXPECT_EQ(previous(), "");
  EXPECT_EQ(sim_.created(), 0);
  EXPECT_THAT(sim_.at_rest().actions, IsEmpty());
}

TEST_F(PinsTest, ReloadThatSucceedsIsKeptAndWhatWasKeptIsThePrevious) {
  sim_.run_for(Seconds(5));
  reload_to("v1:b");
  EXPECT_EQ(last_phase(), ReloadPhase::kSucceeded);
  EXPECT_THAT(contents(), Each("v1:b"));
  EXPECT_EQ(kept(), "v1:b");
  EXPECT_EQ(previous(), "v1:a");
  EXPECT_EQ(sim_.policy().status.applied_hash, "v1:b");
}

TEST_F(PinsTest, PodBornInTheCanaryRunsWhatTheOthersRunAndThenWhatTheReloadBrought) {
  sim_.policy().spec.rollout.steps = {build::step(build::count(1), 500, 20), build::step(build::percent(100), 10'000)};
  sim_.run_for(Seconds(5));
  change_to("v1:b");
  ASSERT_TRUE(sim_.run_until([&] { return sim_.status().step == 1; }));
  sim_.run_for(Seconds(5));
  EXPECT_EQ(sim_.add_pod("late").content, "v1:a");
  ASSERT_TRUE(sim_.run_to_end());
  EXPECT_EQ(sim_.status().phase, ReloadPhase::kSucceeded);
  EXPECT_THAT(contents(), Each("v1:b"));
}

TEST_F(PinsTest, PodBornWhileCandidatesArePromotedRunsWhatTheReloadBrought) {
  for (auto& [name, pod] : sim_.pods()) pod.drain_for = Seconds(5);
  sim_.run_for(Seconds(5));
  change_to("v1:b");
  ASSERT_TRUE(sim_.run_until([&] {
    return !sim_.status().steps.empty() && sim_.status().steps.back().end_time.has_value();
  }));
  sim_.add_pod("late");
  ASSERT_TRUE(sim_.run_to_end());
  EXPECT_THAT(contents(), Each("v1:b"));
  EXPECT_EQ(sim_.add_pod("later").content, "v1:b");
}

TEST_F(PinsTest, PodThatBecomesReadyOnlyAfterTheReloadIsReloadedByItselfOnce) {
  sim_.policy().spec.rollout.steps = {build::step(build::count(1), 500, 20),
                                      build::step(build::percent(100), 10'000)};
  sim_.run_for(Seconds(5));
  change_to("v1:b");
  ASSERT_TRUE(sim_.run_until([&] { return sim_.status().step == 1; }));
  sim_.add_pod("slow").seen.is_ready = false;
  ASSERT_TRUE(sim_.run_to_end());
  sim_.run_for(Seconds(20));
  EXPECT_EQ(sim_.pod("slow").content, "v1:a");
  EXPECT_EQ(sim_.created(), 1);
  sim_.pod("slow").seen.is_ready = true;
  sim_.run_for(Seconds(12));
  EXPECT_EQ(sim_.created(), 2);
  EXPECT_EQ(last_phase(), ReloadPhase::kSucceeded) << "it takes no steps: the others have judged that content";
  EXPECT_THAT(contents(), Each("v1:b"));
  EXPECT_EQ(sim_.world().reloads.back().spec.pod, "slow");
  EXPECT_EQ(kept(), "v1:b");
  EXPECT_EQ(previous(), "v1:a");
}

TEST_F(PinsTest, PodThatWasAskedBeforeItsAppHadStartedIsNotTakenForALateOne) {
  sim_.run_for(Seconds(5));
  reload_to("v1:b");
  SimPod& born = sim_.add_pod("new");
  born.seen.creation_time = *sim_.status().end_time;
  born.seen.sidecar->active_config.clear();
  sim_.run_for(Seconds(20));
  EXPECT_EQ(sim_.created(), 1);
}

TEST_F(PinsTest, AfterARollbackNewPodsRunWhatTheOthersRun) {
  sim_.run_for(Seconds(5));
  for (auto& [name, pod] : sim_.pods()) pod.fails_at_start = "ExitedEarly";
  reload_to("v1:b");
  EXPECT_EQ(last_phase(), ReloadPhase::kFailed);
  EXPECT_EQ(kept(), "v1:a");
  EXPECT_EQ(previous(), "");
  EXPECT_EQ(sim_.add_pod("new").content, "v1:a");
  sim_.run_for(Seconds(30));
  EXPECT_EQ(sim_.created(), 1) << "what failed is not tried again by itself";
}

TEST_F(PinsTest, ChangeInTheMiddleReachesNoPodOfThatReload) {
  sim_.run_for(Seconds(5));
  change_to("v1:b");
  ASSERT_TRUE(sim_.run_until([&] { return sim_.status().step == 1; }));
  holds("v1:c");
  ASSERT_TRUE(sim_.run_to_end());
  EXPECT_THAT(contents(), Each("v1:b"));
  EXPECT_EQ(kept(), "v1:b");
}

TEST_F(PinsTest, UndoGoesBackAndIsNotUndoneByItself) {
  sim_.run_for(Seconds(5));
  reload_to("v1:b");
  holds("v1:b");
  undo();
  ASSERT_TRUE(at_rest());
  sim_.run_for(Seconds(30));
  EXPECT_EQ(last_phase(), ReloadPhase::kSucceeded);
  EXPECT_THAT(contents(), Each("v1:a"));
  EXPECT_EQ(kept(), "v1:a");
  EXPECT_EQ(previous(), "v1:b");
  EXPECT_EQ(sim_.policy().status.applied_hash, "v1:a");
  EXPECT_EQ(sim_.policy().status.previous_hash, "v1:b");
  EXPECT_EQ(sim_.created(), 1) << "the sources still hold what was gone back from";
}

TEST_F(PinsTest, UndoIsApprovedForTheContentThatItGoesBackTo) {
  sim_.run_for(Seconds(5));
  reload_to("v1:b");
  holds("v1:b");
  sim_.policy().spec.guards.approvals.required = 1;
  undo();
  sim_.run_for(Seconds(5));
  EXPECT_EQ(last_phase(), ReloadPhase::kPending);
  EXPECT_EQ(sim_.world().reloads.back().status.config_hash, "v1:a");
  holds("v1:c");
  sim_.world().reloads.back().meta.annotations[api::approval_key("jane")] = "jane";
  ASSERT_TRUE(at_rest());
  EXPECT_EQ(last_phase(), ReloadPhase::kSucceeded);
  EXPECT_THAT(contents(), Each("v1:a"));
}

TEST_F(PinsTest, WhatWasApprovedIsWhatAllPodsGetWhateverTheSourcesHoldLater) {
  sim_.run_for(Seconds(5));
  sim_.policy().spec.guards.approvals.required = 1;
  change_to("v1:b");
  sim_.run_for(Seconds(3));
  ASSERT_EQ(last_phase(), ReloadPhase::kPending);
  sim_.world().reloads.back().meta.annotations[api::approval_key("jane")] = "jane";
  ASSERT_TRUE(sim_.run_until([this] { return last_phase() == ReloadPhase::kProgressing; }));
  holds("v1:c");
  ASSERT_TRUE(at_rest());
  EXPECT_EQ(last_phase(), ReloadPhase::kSucceeded);
  EXPECT_THAT(contents(), Each("v1:b"));
}

TEST_F(PinsTest, UndoTwiceIsWhereItBegan) {
  sim_.run_for(Seconds(5));
  reload_to("v1:b");
  holds("v1:b");
  for (int i = 0; i < 2; ++i) {
    undo();
    ASSERT_TRUE(at_rest());
    sim_.run_for(Seconds(5));
  }
  EXPECT_THAT(contents(), Each("v1:b"));
  EXPECT_EQ(kept(), "v1:b");
  EXPECT_EQ(previous(), "v1:a");
}

TEST_F(PinsTest, UndoWithoutAPreviousContentEndsBeforeItStarts) {
  sim_.run_for(Seconds(5));
  undo();
  ASSERT_TRUE(at_rest());
  EXPECT_EQ(sim_.status().end_reason, "NoSuchContent");
  EXPECT_FALSE(sim_.status().start_time);
  EXPECT_THAT(contents(), Each("v1:a"));
}

TEST_F(PinsTest, UndoOfAPolicyThatPinsNothingEndsWithTheFix) {
  sim_.policy().spec.triggers.sources.clear();
  sim_.world().pins = {};
  undo();
  ASSERT_TRUE(at_rest());
  EXPECT_THAT(sim_.status().end_message, HasSubstr("write mode: Pinned"));
}

TEST_F(PinsTest, ReloadOfTheSameContentLeavesThePreviousOne) {
  sim_.run_for(Seconds(5));
  reload_to("v1:b");
  holds("v1:b");
  sim_.world().reloads.push_back(build::reload("again", "again", sim_.now()));
  ASSERT_TRUE(at_rest());
  sim_.run_for(Seconds(5));
  EXPECT_EQ(last_phase(), ReloadPhase::kSucceeded);
  EXPECT_EQ(previous(), "v1:a");
}

TEST_F(PinsTest, ReloadOfOnePodIsNoNewsForTheOthers) {
  sim_.run_for(Seconds(5));
  holds("v1:b");
  api::Reload one = build::reload("one", "one", sim_.now());
  one.spec.pod = "shop-2";
  sim_.world().reloads.push_back(one);
  ASSERT_TRUE(at_rest());
  sim_.run_for(Seconds(5));
  EXPECT_EQ(sim_.pod("shop-2").content, "v1:b");
  EXPECT_EQ(kept(), "v1:a");
}

TEST_F(PinsTest, ReloadWaitsWhileTheCopiesCannotBeRead) {
  sim_.world().pins = {false, {}, "cannot get configmaps", true};
  sim_.world().reloads.push_back(build::reload("r", "t", sim_.now()));
  sim_.run_for(Seconds(5));
  EXPECT_EQ(sim_.status().phase, ReloadPhase::kPending);
  const auto* progress = find_condition(sim_.status().conditions, condition::kProgressing);
  EXPECT_EQ(progress->reason, "NotPinned");
  const auto* pinned = find_condition(sim_.policy().status.conditions, condition::kSourcesPinned);
  EXPECT_EQ(pinned->status, ConditionStatus::kFalse);
  EXPECT_THAT(pinned->message, HasSubstr("kubectl sidestep rbac shop"));
}

TEST_F(PinsTest, OperatorKilledAfterAnySingleActionKeepsTheRightContent) {
  for (int actions = 0; actions < 60; ++actions) {
    SCOPED_TRACE(actions);
    sim_ = SimCluster(3);
    undos_ = 0;
    sim_.policy().spec.triggers.sources = {pinned_source("shop-config"), pinned_source("shop-db")};
    sim_.policy().spec.triggers.quiet_period = Seconds(0);
    sim_.world().pins = {true, {{0}, {1}}, "", false};
    holds("v1:a");
    sim_.run_for(Seconds(5));
    sim_.die_after(actions);
    reload_to("v1:b");
    for (const ObservedPin& pin : sim_.world().pins.pins) {
      EXPECT_EQ(pin.kept.hash, "v1:b");
      EXPECT_EQ(pin.previous.hash, "v1:a");
    }
    EXPECT_THAT(contents(), Each("v1:b"));
  }
}

TEST_F(PinsTest, SetOfCopiesThatWasBegunIsFinishedWhateverTheReloadCameTo) {
  api::Reload split = build::ended("split", ReloadPhase::kFailed, sim_.now());
  split.status.end_reason = "Split";
  sim_.world().reloads = {split};
  auto& pins = sim_.world().pins.pins;
  pins[0].kept = pins[0].staged = pins[1].staged = {split.meta.uid, "v1:b", {}};
  pins[1].kept = {kFirstSight, "v1:a", {}};
  sim_.run_for(Seconds(3));
  EXPECT_EQ(kept(), "v1:b");
  EXPECT_EQ(previous(), "v1:a");
  EXPECT_THAT(sim_.at_rest().actions, IsEmpty());
}

TEST_F(PinsTest, WaysThatNoCopyCanStandInForAreNamedWithTheirPod) {
  sim_.pod("shop-1").seen.fixed_uses = {{"ConfigMap/shop-config", "container shop: envFrom"},
                                        {"ConfigMap/other", "container shop: envFrom"}};
  sim_.run_for(Seconds(2));
  const auto* found = find_condition(sim_.policy().status.conditions, condition::kSourceNotPinnable);
  ASSERT_NE(found, nullptr);
  EXPECT_EQ(found->status, ConditionStatus::kTrue);
  EXPECT_EQ(found->reason, "SourceNotPinnable");
  EXPECT_THAT(found->message, HasSubstr("shop-1: ConfigMap/shop-config by container shop: envFrom"));
  EXPECT_THAT(found->message, Not(HasSubstr("other")));
}

TEST_F(PinsTest, PodThatReportsTheStagedCopyIsCurrentOnceItHasAllOfIt) {
  Observed seen = build::observed();
  seen.policy->spec.triggers.sources = {pinned_source("shop-config")};
  seen.sources.contents = {{"ConfigMap/shop-config", {{"a", "1"}}}};
  seen.pins = {true, {{0}}, "", false};
  seen.pins.pins[0].staged = {"u", "h", {{"a", "2"}, {"b", "3"}}};
  ObservedPod pod = build::pod("shop-1");
  const std::string staged = policy::staged_text("shop", seen.policy->spec.triggers.sources[0]);
  EXPECT_EQ(mounted_look(seen, pod).mounted, Mounted::kUnknown);
  pod.sidecar->sources = {{staged, {{"a", "2"}}}};
  EXPECT_EQ(mounted_look(seen, pod).mounted, Mounted::kBehind);
  pod.sidecar->sources = {{staged, {{"a", "2"}, {"b", "3"}}}};
  EXPECT_EQ(mounted_look(seen, pod).mounted, Mounted::kCurrent);
}

TEST_F(PinsTest, TemplateChangeInTheMiddleIsNotTakenForTheNewContent) {
  sim_.run_for(Seconds(5));
  api::Reload replaced = build::ended("replaced", ReloadPhase::kAborted, sim_.now());
  replaced.status.end_reason = "TemplateChanged";
  replaced.status.config_hash = "v1:b";
  sim_.world().reloads.push_back(replaced);
  sim_.policy().status.last_reload = "replaced";
  change_to("v1:b");
  sim_.run_for(Seconds(60));
  EXPECT_EQ(sim_.created(), 1);
  EXPECT_EQ(kept(), "v1:b");
}

}  // namespace
}  // namespace sidestep::op
