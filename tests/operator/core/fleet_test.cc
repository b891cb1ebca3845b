// Where one pod stands in a reload, from what its sidecar reports.
#include "operator/core/fleet.h"

#include <gtest/gtest.h>

#include "operator/core/version.h"
#include "tests/support/builders.h"

namespace sidestep::op {
namespace {

struct Row {
  const char* name;
  void (*change)(ObservedPod&);
  Stance stance;
  const char* run_id;
};

void runs(ObservedPod& pod, const char* id, SidecarPhase phase, const char* reason = "") {
  pod.sidecar->run = SidecarRun{id, "t", phase, reason, "", 2, 500, true, true, {}};
}

class StanceTest : public ::testing::TestWithParam<Row> {};

TEST_P(StanceTest, FollowsFromTheReport) {
  Observed seen = build::observed(1);
  GetParam().change(seen.pods[0]);
  const Fleet fleet = fleet_of(seen, build::reload("r1"), build::kHash);
  EXPECT_EQ(fleet.members[0].stance, GetParam().stance);
  EXPECT_EQ(fleet.members[0].run_id, GetParam().run_id);
}

constexpr const char* kUid = "uid-of-r1";
using Pod = ObservedPod&;

INSTANTIATE_TEST_SUITE_P(
    All, StanceTest,
    ::testing::Values(
        Row{"Fresh", [](Pod) {}, Stance::kFree, kUid},
        Row{"Ending", [](Pod p) { p.is_terminating = true; }, Stance::kOutside, ""},
        Row{"WithoutSidecar", [](Pod p) { p.has_sidecar = false; }, Stance::kOutside, ""},
        Row{"OtherTemplate", [](Pod p) { p.template_hash = "x"; }, Stance::kOutside, ""},
        Row{"Silent", [](Pod p) { p.reach = Reach::kUnreachable; }, Stance::kUnreachable, ""},
        Row{"Refusing", [](Pod p) { p.reach = Reach::kRefused; }, Stance::kUnreachable, ""},
        Row{"SilentAndPending", [](Pod p) { p.reach = Reach::kNotAsked, p.is_ready = false; },
            Stance::kNotReady, ""},
        Row{"SilentAndPendingButChosen",
            [](Pod p) { p.reach = Reach::kUnreachable, p.is_ready = false, p.refresh = "5.uid-of-r1"; },
            Stance::kUnreachable, ""},
        Row{"NotReady", [](Pod p) { p.is_ready = false; }, Stance::kNotReady, kUid},
        Row{"NextMinor", [](Pod p) { p.sidecar->version = "0.2.7"; }, Stance::kFree, kUid},
        Row{"TwoMinorsAway", [](Pod p) { p.sidecar->version = "0.3.0"; }, Stance::kIncompatible, kUid},
        Row{"SomebodyElsesRun", [](Pod p) { runs(p, "local", SidecarPhase::kJudging); }, Stance::kBusy, kUid},
        Row{"SomebodyElsesEndedRun", [](Pod p) { runs(p, "local", SidecarPhase::kFailed); }, Stance::kFree,
            kUid},
        Row{"Starting", [](Pod p) { runs(p, kUid, SidecarPhase::kStarting); }, Stance::kStarting, kUid},
        Row{"Judging", [](Pod p) { runs(p, kUid, SidecarPhase::kJudging); }, Stance::kJudging, kUid},
        Row{"Draining", [](Pod p) { runs(p, kUid, SidecarPhase::kDraining); }, Stance::kPromoted, kUid},
        Row{"Succeeded", [](Pod p) { runs(p, kUid, SidecarPhase::kSucceeded); }, Stance::kPromoted, kUid},
        Row{"Superseded", [](Pod p) { runs(p, kUid, SidecarPhase::kSuperseded); }, Stance::kPromoted, kUid},
        Row{"Failed", [](Pod p) { runs(p, kUid, SidecarPhase::kFailed, "ErrorRate"); }, Stance::kFailed,
            kUid},
        Row{"Aborted", [](Pod p) { runs(p, kUid, SidecarPhase::kAborted, "AbortedByUser"); },
            Stance::kTakenBack, kUid},
        Row{"EndingAlready", [](Pod p) { runs(p, kUid, SidecarPhase::kAborted, "PodEnding"); },
            Stance::kOutside, kUid},
        Row{"Interrupted", [](Pod p) { runs(p, kUid, SidecarPhase::kInterrupted); }, Stance::kFree,
            "uid-of-r1-2"},
        Row{"InterruptedTwice", [](Pod p) { runs(p, "uid-of-r1-2", SidecarPhase::kInterrupted); },
            Stance::kFree, "uid-of-r1-3"},
        Row{"InterruptedOften", [](Pod p) { runs(p, "uid-of-r1-3", SidecarPhase::kInterrupted); },
            Stance::kFailed, "uid-of-r1-4"},
        Row{"SecondAttempt", [](Pod p) { runs(p, "uid-of-r1-2", SidecarPhase::kJudging); }, Stance::kJudging,
            "uid-of-r1-2"},
        Row{"Refused",
            [](Pod p) {
              p.refusal = CommandRefusal{kUid, "no"};
            },
            Stance::kFailed, kUid},
        Row{"RefusedAnotherReload",
            [](Pod p) {
              p.refusal = CommandRefusal{"other", "no"};
            },
            Stance::kFree, kUid}),
    [](const auto& row) { return row.param.name; });

TEST(FleetTest, OldestPodsComeFirstThenByName) {
  Observed seen = build::observed(3);
  seen.pods[2].creation_time = build::at(-5000);
  std::swap(seen.pods[0], seen.pods[1]);
  const Fleet fleet = fleet_of(seen, build::reload("r1"), "");
  EXPECT_EQ(fleet.members[0].pod->name, "shop-3");
  EXPECT_EQ(fleet.members[1].pod->name, "shop-1");
}

TEST(FleetTest, RefreshIsReadBackForTheSameReloadOnly) {
  Observed seen = build::observed(1);
  const api::Reload reload = build::reload("r1");
  seen.pods[0].refresh = refresh_value(reload, build::at(7));
  EXPECT_EQ(fleet_of(seen, reload, "").members[0].refreshed_at, build::at(7));
  EXPECT_EQ(fleet_of(seen, build::reload("r2"), "").members[0].refreshed_at, std::nullopt);
  for (const char* odd : {"", ".", "x.uid-of-r1", "5uid-of-r1", ".uid-of-r1"}) {
    seen.pods[0].refresh = odd;
    EXPECT_EQ(fleet_of(seen, reload, "").members[0].refreshed_at, std::nullopt) << odd;
  }
}

TEST(VersionTest, OneMinorOlderAndNewerAreSteered) {
  EXPECT_TRUE(is_compatible("0.2.0", "0.1.9"));
  EXPECT_TRUE(is_compatible("0.2.0", "0.2.0-rc1"));
  EXPECT_TRUE(is_compatible("0.2.0", "0.3.0+build"));
  EXPECT_FALSE(is_compatible("0.2.0", "0.4.0"));
  EXPECT_FALSE(is_compatible("1.2.0", "2.2.0"));
}

TEST(VersionTest, WhatIsNoVersionIsNotSteered) {
  for (const char* odd : {"", "1", "x.y", "0.x", "-1.0", "0.1x"})
    EXPECT_FALSE(is_compatible("0.1.0", odd)) << odd;
  EXPECT_TRUE(is_compatible("", "whatever"));
}

}  // namespace
}  // namespace sidestep::op
