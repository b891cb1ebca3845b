// Copies of sources that are pinned no longer: what is remembered, what goes, and what keeps it.
#include "operator/core/left_copies.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "operator/api/pinned.h"
#include "tests/operator/core/sim_cluster.h"

namespace sidestep::op {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

const LeftCopy kKeptCopy{"ConfigMap/sidestep-kept-shop-old-1", "u1", "7"};

policy::Source source(const std::string& name, policy::SourceMode mode = policy::SourceMode::kPinned) {
  policy::Source source{policy::SourceKind::kConfigMap, name, {}, {}};
  source.mode = mode;
  return source;
}

// A policy that pins shop-config, and pinned old-config, of which one copy is left.
class LeftCopiesTest : public ::testing::Test {
 protected:
  LeftCopiesTest() { begin(); }
  void begin() {
    sim_ = SimCluster(2);
    sim_.policy().spec.triggers.sources = {source("shop-config"),
                                           source("old-config", policy::SourceMode::kLive)};
    sim_.policy().spec.triggers.quiet_period = Seconds(0);
    sim_.policy().status.applied_hash = "v1:a";
    sim_.world().sources.hash = "v1:a";
    sim_.world().pins = {true, {{0, {kFirstSight, "v1:a", {}}}}, "", false};
    for (auto& [name, pod] : sim_.pods()) pod.content = "v1:a";
    sim_.policy().status.pinned_sources = {"ConfigMap/shop-config", "ConfigMap/old-config"};
    sim_.world().left = {{.source = source("old-config"), .is_known = true, .copies = {kKeptCopy}}};
  }
  LeftPin& left() { return sim_.world().left[0]; }
  const std::vector<std::string>& remembered() { return sim_.policy().status.pinned_sources; }
  const api::Condition* condition() {
    return find_condition(sim_.policy().status.conditions, condition::kCopiesLeft);
  }
  void run() { sim_.run_for(Seconds(3)); }

  SimCluster sim_{2};
};

TEST_F(LeftCopiesTest, ACopyThatNothingNeedsGoesAndItsSourceIsForgotten) {
  run();
  EXPECT_THAT(left().copies, IsEmpty());
  EXPECT_THAT(remembered(), ElementsAre("ConfigMap/shop-config"));
  EXPECT_EQ(condition(), nullptr);
  EXPECT_THAT(sim_.at_rest().actions, IsEmpty());
}

TEST_F(LeftCopiesTest, ACopyThatAPodMountsStaysAndThePodIsNamed) {
  left().mounted_by = {"shop-1"};
  run();
  EXPECT_THAT(left().copies, ElementsAre(kKeptCopy));
  EXPECT_THAT(remembered(), ElementsAre("ConfigMap/shop-config", "ConfigMap/old-config"));
  ASSERT_NE(condition(), nullptr);
  EXPECT_EQ(condition()->reason, "StillMounted");
  EXPECT_THAT(condition()->message,
              HasSubstr("ConfigMap/old-config is pinned no longer, and its copies are mounted by shop-1;"));
  left().mounted_by.clear();
  run();
  EXPECT_THAT(left().copies, IsEmpty());
}

TEST_F(LeftCopiesTest, NothingGoesWhileAReloadWaitsOrRuns) {
  sim_.policy().spec.suspend = true;
  sim_.world().reloads.push_back(build::reload("r", "t", sim_.now()));
  run();
  EXPECT_THAT(left().copies, ElementsAre(kKeptCopy));
  EXPECT_EQ(condition()->reason, "Removing");
  sim_.policy().spec.suspend = false;
  ASSERT_TRUE(sim_.run_until([&] { return sim_.status().phase == api::ReloadPhase::kProgressing; }));
  EXPECT_THAT(left().copies, ElementsAre(kKeptCopy));
  ASSERT_TRUE(sim_.run_to_end());
  run();
  EXPECT_THAT(left().copies, IsEmpty());
}

TEST_F(LeftCopiesTest, WithoutTheRightItIsSaidAndNothingIsTried) {
  left().is_known = false, left().is_forbidden = true, left().problem = "cannot get configmaps";
  run();
  EXPECT_EQ(condition()->reason, "SourceForbidden");
  EXPECT_THAT(condition()->message,
              HasSubstr("cannot get configmaps; apply what kubectl sidestep rbac shop prints"));
  EXPECT_THAT(sim_.at_rest().actions, IsEmpty());
  EXPECT_EQ(sim_.at_rest().requeue_after, Seconds(30));
}

TEST_F(LeftCopiesTest, AMistakeInTheSpecUnpinsNothing) {
  sim_.policy().spec_error = "triggers: odd";
  sim_.policy().spec = {};
  EXPECT_THAT(api::unpinned_sources(sim_.policy()), IsEmpty());
  EXPECT_EQ(sources_with_copies(sim_.world()), remembered());
}

TEST_F(LeftCopiesTest, SourcesAreRememberedBeforeTheirFirstCopyIsMade) {
  sim_ = SimCluster(2);
  sim_.policy().spec.triggers.sources = {source("shop-config")};
  sim_.policy().spec.triggers.quiet_period = Seconds(0);
  sim_.world().pins = {true, {{0}}, "", false};
  sim_.world().sources.hash = "v1:a";
  sim_.world().reloads.push_back(build::reload("r", "t", sim_.now()));
  bool is_remembered = false, was_copied = false;
  for (const Action& action : sim_.at_rest().actions) {
    if (const auto* status = std::get_if<PatchPolicyStatus>(&action))
      is_remembered = !status->status.pinned_sources.empty();
    if (!std::holds_alternative<CopySources>(action)) continue;
    was_copied = true;
    EXPECT_TRUE(is_remembered);
  }
  EXPECT_TRUE(was_copied);
}

TEST_F(LeftCopiesTest, TheListIsBoundedAndWhatIsPinnedStaysInIt) {
  auto& list = sim_.policy().status.pinned_sources;
  list.clear();
  for (int i = 0; i < 100; ++i) list.push_back("Secret/old-" + std::to_string(i));
  const auto next = sources_with_copies(sim_.world());
  EXPECT_EQ(next.size(), api::kMostPinnedSources);
  EXPECT_EQ(next.front(), "ConfigMap/shop-config");
  EXPECT_EQ(next.back(), "Secret/old-62");
}

TEST_F(LeftCopiesTest, AnOperatorKilledAfterAnyActionRemovesThemInTheEnd) {
  for (int actions = 0; actions < 6; ++actions) {
    SCOPED_TRACE(actions);
    begin();
    sim_.die_after(actions);
    run();
    EXPECT_THAT(left().copies, IsEmpty());
    EXPECT_THAT(remembered(), ElementsAre("ConfigMap/shop-config"));
  }
}

}  // namespace
}  // namespace sidestep::op
