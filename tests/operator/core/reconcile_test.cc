// Single decisions: what one look at the cluster asks for. Whole runs are in rollout_test.cc.
#include "operator/core/reconcile.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "operator/core/conditions.h"
#include "operator/core/tokens.h"
#include "tests/support/builders.h"

namespace sidestep::op {
namespace {

using api::ConditionStatus;
using api::ReloadPhase;
using build::at;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

template <typename A>
std::vector<A> all(const Plan& plan) {
  std::vector<A> found;
  for (const Action& action : plan.actions) {
    if (const auto* each = std::get_if<A>(&action)) found.push_back(*each);
  }
  return found;
}

class ReconcileTest : public ::testing::Test {
 protected:
  Plan look() { return reconcile(seen_, at(0)); }
  api::ReloadPolicyStatus policy_status() {
    const auto patches = all<PatchPolicyStatus>(look());
    return patches.empty() ? seen_.policy->status : patches.front().status;
  }
  api::Condition condition(const char* type) {
    const api::ReloadPolicyStatus status = policy_status();
    const auto* found = find_condition(status.conditions, type);
    EXPECT_NE(found, nullptr) << type;
    return found == nullptr ? api::Condition{} : *found;
  }
  std::string ready() {
    const api::Condition found = condition(condition::kReady);
    return std::string(found.status == ConditionStatus::kTrue ? "+" : "-") + found.reason;
  }
  // What is written about that Reload.
  api::ReloadStatus written(const std::string& name) {
    for (const auto& patch : all<PatchReloadStatus>(look())) {
      if (patch.name == name) return patch.status;
    }
    ADD_FAILURE() << "nothing is written about " << name;
    return {};
  }
  std::string waits_for(const std::string& name) {
    const api::ReloadStatus status = written(name);
    EXPECT_EQ(status.phase, ReloadPhase::kPending);
    return find_condition(status.conditions, condition::kProgressing)->reason;
  }
  void annotate(const std::string& token) { seen_.policy->meta.annotations[api::kReloadAnnotation] = token; }
  void first_visit() { seen_.policy->status = {}; }
  api::Reload& waiting(const std::string& name, int created = 0) {
    seen_.reloads.push_back(build::reload(name, "token-of-" + name, at(created)));
    return seen_.reloads.back();
  }

  Observed seen_ = build::observed();
};

// Refused writes

TEST_F(ReconcileTest, RefusedWriteStallsThePolicyWithTheExactRuleAndTellsOnce) {
  seen_.refused_write = WriteRefusal{
      true,
      R"(create reloads prod: 403: reloads.sidestep.dev is forbidden: User "op" cannot create resource )"
      R"("reloads" in API group "sidestep.dev" in the namespace "prod")"};
  const Plan plan = report_refusal(seen_, at(0));
  const auto status = all<PatchPolicyStatus>(plan).at(0).status;
  for (const char* type : {condition::kReady, condition::kStalled}) {
    const auto* found = find_condition(status.conditions, type);
    EXPECT_EQ(found->reason, "WriteForbidden");
    EXPECT_THAT(
        found->message,
        HasSubstr(
            "add {apiGroups: [sidestep.dev], resources: [reloads], verbs: [create]} to the operator's"));
  }
  EXPECT_EQ(find_condition(status.conditions, condition::kReady)->status, ConditionStatus::kFalse);
  EXPECT_EQ(find_condition(status.conditions, condition::kStalled)->status, ConditionStatus::kTrue);
  EXPECT_EQ(all<EmitEvent>(plan).size(), 1u);
  seen_.policy->status = status;
  EXPECT_THAT(report_refusal(seen_, at(1)).actions, IsEmpty());
  seen_.refused_write.reset();
  EXPECT_EQ(ready(), "+Idle");
}

// Tokens

TEST_F(ReconcileTest, NewTokenMakesOneReloadWithANameOfItsOwn) {
  annotate("t1");
  const auto created = all<CreateReload>(look());
  ASSERT_EQ(created.size(), 1u);
  EXPECT_EQ(created[0].name, api::reload_name("shop", build::kPolicyUid, "t1"));
  EXPECT_EQ(created[0].spec.token, "t1");
  EXPECT_EQ(created[0].spec.policy, "shop");
}

TEST_F(ReconcileTest, TokenCountsAsHandledOnlyOnceItsReloadIsSeen) {
  annotate("t1");
  EXPECT_THAT(policy_status().handled_tokens, IsEmpty());
  seen_.reloads.push_back(build::reload("any-name", "t1"));
  EXPECT_THAT(policy_status().handled_tokens, ElementsAre("t1"));
  EXPECT_THAT(all<CreateReload>(look()), IsEmpty());
}

TEST_F(ReconcileTest, TokenOfTheFirstVisitIsAdoptedAndNotRun) {
  first_visit();
  annotate("t1");
  EXPECT_THAT(all<CreateReload>(look()), IsEmpty());
  EXPECT_THAT(policy_status().handled_tokens, ElementsAre("t1"));
  EXPECT_EQ(policy_status().observed_generation, 1);
}

TEST_F(ReconcileTest, TokenOfAWorkloadSeenForTheFirstTimeIsAdopted) {
  seen_.workload->reload_token = "w1";
  seen_.workload->uid = "another-uid";
  EXPECT_THAT(all<CreateReload>(look()), IsEmpty());
  EXPECT_THAT(policy_status().handled_tokens, ElementsAre("w1"));
  EXPECT_EQ(policy_status().target_uid, "another-uid");
}

TEST_F(ReconcileTest, TokenOnTheWorkloadWorksAsOnThePolicy) {
  seen_.workload->reload_token = "w1";
  EXPECT_EQ(all<CreateReload>(look()).size(), 1u);
}

TEST_F(ReconcileTest, AnyOfTheLastSixteenTokensDoesNothing) {
  for (int i = 0; i < 16; ++i) seen_.policy->status.handled_tokens.push_back("t" + std::to_string(i));
  annotate("t15");
  EXPECT_THAT(all<CreateReload>(look()), IsEmpty());
  annotate("t16");
  EXPECT_EQ(all<CreateReload>(look()).size(), 1u);
  seen_.reloads.push_back(build::reload("r", "t16"));
  const auto handled = policy_status().handled_tokens;
  EXPECT_EQ(handled.size(), 16u);
  EXPECT_EQ(handled.front(), "t16");
  EXPECT_EQ(handled.back(), "t14");
}

TEST_F(ReconcileTest, TokenThatGoesAwayDoesNothing) {
  seen_.policy->status.handled_tokens = {"t1"};
  EXPECT_THAT(all<CreateReload>(look()), IsEmpty());
  EXPECT_THAT(policy_status().handled_tokens, ElementsAre("t1"));
}

TEST_F(ReconcileTest, LongTokenIsKeptByItsHash) {
  annotate(std::string(5000, 'x'));
  const auto created = all<CreateReload>(look());
  ASSERT_EQ(created.size(), 1u);
  EXPECT_EQ(created[0].spec.token.size(), 7u + 64u);
  EXPECT_EQ(canonical_token(std::string(256, 'x')).size(), 256u);
}

// Which Reload runs

TEST_F(ReconcileTest, FinalizersComeBeforeTheFirstEffect) {
  waiting("r1");
  Plan plan = look();
  ASSERT_GT(plan.actions.size(), 3u);
  EXPECT_TRUE(std::holds_alternative<AddFinalizer>(plan.actions[0]));
  EXPECT_TRUE(std::holds_alternative<AddFinalizer>(plan.actions[1]));
  EXPECT_TRUE(std::holds_alternative<PatchReloadStatus>(plan.actions[2]))
      << "the record before the first effect";
  seen_.policy->meta.finalizers = seen_.reloads[0].meta.finalizers = {api::kReloadFinalizer};
  EXPECT_EQ(written("r1").phase, ReloadPhase::kProgressing);
  EXPECT_EQ(written("r1").start_time, at(0));
  EXPECT_EQ(written("r1").template_hash, build::kHash);
  EXPECT_THAT(all<AddFinalizer>(look()), IsEmpty());
}

TEST_F(ReconcileTest, ReloadThatCanBeginAtOnceIsMadeWithItsFinalizerAndOneThatWaitsWithout) {
  annotate("t1");
  EXPECT_TRUE(all<CreateReload>(look()).at(0).begins);
  seen_.policy->spec.depends_on = {"other"};
  EXPECT_FALSE(all<CreateReload>(look()).at(0).begins);
  seen_.policy->spec.depends_on.clear();
  waiting("r1");
  EXPECT_FALSE(all<CreateReload>(look()).at(0).begins);
}

TEST_F(ReconcileTest, PolicyGetsItsFinalizerWhileTheReloadThatBeginsAtOnceIsMade) {
  annotate("t1");
  const Plan plan = look();
  ASSERT_GT(plan.actions.size(), 1u);
  EXPECT_TRUE(std::holds_alternative<AddFinalizer>(plan.actions[0]));
  EXPECT_TRUE(std::holds_alternative<CreateReload>(plan.actions[1]));
  seen_.policy->meta.finalizers = {api::kReloadFinalizer};
  EXPECT_THAT(all<AddFinalizer>(look()), IsEmpty());
  EXPECT_THAT(all<RemoveFinalizer>(look()), IsEmpty()) << "it is needed again";
  seen_.policy->spec.depends_on = {"other"};
  EXPECT_THAT(all<RemoveFinalizer>(look()).size(), 1u) << "what waits holds up nobody";
}

TEST_F(ReconcileTest, PolicysStatusIsWrittenOnceWhenAReloadStarts) {
  seen_.policy->spec.triggers.sources = {{policy::SourceKind::kConfigMap, "c", {}, {}}};
  seen_.sources.contents = {{"ConfigMap/c", {{"k", "new"}}}};
  seen_.sources.hash = seen_.policy->status.applied_hash = "v1:hmac-sha256:ab";
  api::Reload& reload = waiting("r1");
  const Plan start = look();
  reload.status = all<PatchReloadStatus>(start).at(0).status;
  seen_.policy->status = all<PatchPolicyStatus>(start).at(0).status;
  EXPECT_EQ(seen_.policy->status.attempted_hash, seen_.sources.hash);
  EXPECT_THAT(all<PatchPolicyStatus>(look()), IsEmpty());
}

TEST_F(ReconcileTest, ReloadThatIsDeletedBeforeItStartsEndsAndLetsGo) {
  api::Reload& reload = waiting("r1");
  reload.meta.finalizers = {api::kReloadFinalizer};
  reload.meta.deletion_time = at(0);
  EXPECT_EQ(written("r1").phase, ReloadPhase::kAborted);
  reload.status = written("r1");
  EXPECT_EQ(all<RemoveFinalizer>(look()).size(), 1u);
}

// A pod that hangs ends the plan at its command, and the next look has nothing to tell.
TEST_F(ReconcileTest, EventsComeBeforeCommands) {
  const auto first = [](const Plan& plan, auto is_it) {
    return std::find_if(plan.actions.begin(), plan.actions.end(), is_it) - plan.actions.begin();
  };
  const auto is_event = [](const Action& action) { return std::holds_alternative<EmitEvent>(action); };
  const auto is_command = [](const Action& action) {
    return std::holds_alternative<RefreshPod>(action) || std::holds_alternative<SidecarAbort>(action);
  };
  api::Reload& reload = waiting("r1");
  const Plan start = look();
  EXPECT_EQ(all<EmitEvent>(start).at(0).reason, "ReloadStarted");
  ASSERT_FALSE(all<RefreshPod>(start).empty());
  EXPECT_LT(first(start, is_event), first(start, is_command));
  reload.status = written("r1");
  reload.meta.annotations[api::kAbortAnnotation] = "true";
  SidecarRun run;
  run.id = reload.meta.uid;
  seen_.pods[0].sidecar->run = run;
  const Plan end = look();
  EXPECT_EQ(all<EmitEvent>(end).at(0).action, "RollBack");
  ASSERT_FALSE(all<SidecarAbort>(end).empty());
  EXPECT_LT(first(end, is_event), first(end, is_command));
}

TEST_F(ReconcileTest, NewestOfThoseThatWaitRunsAndTheOthersAreSuperseded) {
  waiting("r2", 2), waiting("r3", 3), waiting("r1", 1);
  for (const char* name : {"r1", "r2"}) {
    EXPECT_EQ(written(name).phase, ReloadPhase::kAborted);
    EXPECT_EQ(written(name).end_reason, "Superseded");
  }
  EXPECT_EQ(written("r3").phase, ReloadPhase::kProgressing);
}

TEST_F(ReconcileTest, ReloadWaitsForTheOneThatRuns) {
  api::Reload& running = waiting("r1");
  running.status.phase = ReloadPhase::kProgressing;
  running.status.start_time = running.status.progress_time = at(-1);
  waiting("r2", 5);
  EXPECT_EQ(waits_for("r2"), "Waiting");
}

TEST_F(ReconcileTest, ReloadThatIsAbortedBeforeItStartsNeverStarts) {
  waiting("r1").meta.annotations[api::kAbortAnnotation] = "true";
  EXPECT_EQ(written("r1").phase, ReloadPhase::kAborted);
  EXPECT_THAT(all<AddFinalizer>(look()), IsEmpty());
}

TEST_F(ReconcileTest, PausedReloadWaitsBeforeItStarts) {
  waiting("r1").meta.annotations[api::kPauseAnnotation] = "true";
  EXPECT_EQ(waits_for("r1"), "Paused");
}

TEST_F(ReconcileTest, HistoryKeepsTheNewestAndDeletesTheRest) {
  seen_.policy->spec.history_limit = 2;
  for (int i = 1; i <= 4; ++i) {
    seen_.reloads.push_back(build::ended("r" + std::to_string(i), ReloadPhase::kSucceeded, at(-100 + i)));
  }
  std::vector<std::string> gone;
  for (const auto& each : all<DeleteReload>(look())) gone.push_back(each.name);
  EXPECT_THAT(gone, ElementsAre("r2", "r1"));
}

TEST_F(ReconcileTest, FinalizersGoWhenNoReloadRuns) {
  seen_.reloads.push_back(build::ended("r1", ReloadPhase::kSucceeded, at(-5)));
  seen_.policy->meta.finalizers = seen_.reloads[0].meta.finalizers = {api::kReloadFinalizer, "other"};
  EXPECT_EQ(all<RemoveFinalizer>(look()).size(), 2u);
}

TEST_F(ReconcileTest, NothingHoldsUpTheEndOfANamespace) {
  seen_.namespace_terminating = true;
  api::Reload& running = waiting("r1");
  running.status.start_time = at(-1);
  running.meta.finalizers = seen_.policy->meta.finalizers = {api::kReloadFinalizer};
  annotate("t1");
  const Plan plan = look();
  EXPECT_EQ(all<RemoveFinalizer>(plan).size(), 2u);
  EXPECT_EQ(plan.actions.size(), 2u);
}

TEST_F(ReconcileTest, DeletedPolicyLetsNothingStartAndGoesOnceNothingRuns) {
  seen_.policy->meta.deletion_time = at(-1);
  seen_.policy->meta.finalizers = {api::kReloadFinalizer};
  annotate("t1");
  waiting("r1");
  EXPECT_EQ(written("r1").end_reason, "PolicyDeleted");
  EXPECT_THAT(all<CreateReload>(look()), IsEmpty());
  EXPECT_EQ(all<RemoveFinalizer>(look()).size(), 1u);
}

TEST_F(ReconcileTest, ReloadWithoutItsPolicySaysSoAndWaits) {
  seen_.policy.reset();
  waiting("r1");
  EXPECT_EQ(waits_for("r1"), "PolicyNotFound");
  seen_.reloads[0].meta.annotations[api::kAbortAnnotation] = "true";
  EXPECT_EQ(written("r1").end_reason, "AbortedByUser");
}

TEST_F(ReconcileTest, ReloadWhosePolicyWentAwayInTheMiddleEnds) {
  seen_.policy.reset();
  api::Reload& running = waiting("r1");
  running.status.start_time = at(-1);
  EXPECT_EQ(written("r1").phase, ReloadPhase::kAborted);
  EXPECT_EQ(written("r1").end_reason, "PolicyDeleted");
}

// Obstacles: said in a condition, and waited out.

TEST_F(ReconcileTest, HealthyPolicyIsReady) {
  EXPECT_EQ(ready(), "+Idle");
  for (const char* type : {condition::kReconciling, condition::kStalled, condition::kConflicted,
                           condition::kProbeThroughProxy}) {
    EXPECT_EQ(condition(type).status, ConditionStatus::kFalse) << type;
  }
  EXPECT_EQ(condition(condition::kPodsReachable).status, ConditionStatus::kTrue);
  EXPECT_EQ(policy_status().pods, (api::PodCounts{3, 0, 3, 0}));
}

TEST_F(ReconcileTest, EveryConditionIsSetAtTheFirstVisit) {
  first_visit();
  EXPECT_EQ(policy_status().conditions.size(), 6u);
}

TEST_F(ReconcileTest, SecondLookWritesNothing) {
  seen_.policy->status = policy_status();
  EXPECT_THAT(look().actions, IsEmpty());
  EXPECT_THAT(reconcile(seen_, at(500)).actions, IsEmpty());
}

TEST_F(ReconcileTest, RestartedOperatorLeavesTheStatusAloneUntilSidecarsWereAsked) {
  seen_.policy->status = policy_status();
  for (ObservedPod& pod : seen_.pods) pod.reach = Reach::kNotAsked, pod.sidecar.reset();
  EXPECT_THAT(look().actions, IsEmpty());
  EXPECT_LE(look().requeue_after, Millis(1000));
  first_visit();
  EXPECT_EQ(condition(condition::kReady).status, ConditionStatus::kUnknown);
  EXPECT_EQ(condition(condition::kReady).reason, "NotAsked");
}

TEST_F(ReconcileTest, TransitionTimeChangesWithTheStatusOnly) {
  seen_.policy->status = policy_status();
  seen_.policy->meta.generation = 2;
  const auto later = all<PatchPolicyStatus>(reconcile(seen_, at(50))).front().status;
  EXPECT_EQ(find_condition(later.conditions, condition::kReady)->last_transition_time, at(0));
  EXPECT_EQ(find_condition(later.conditions, condition::kReady)->observed_generation, 2);
  seen_.policy->spec_error = "broken";
  const auto broken = all<PatchPolicyStatus>(reconcile(seen_, at(50))).front().status;
  EXPECT_EQ(find_condition(broken.conditions, condition::kReady)->last_transition_time, at(50));
}

struct Hurdle {
  const char* name;
  void (*change)(Observed&);
  const char* ready;     // + or - and the reason of Ready
  const char* progress;  // the reason for which a Reload waits; "" when it runs
};

class HurdleTest : public ReconcileTest, public ::testing::WithParamInterface<Hurdle> {};

TEST_P(HurdleTest, IsSaidByThePolicyAndByTheReloadThatWaits) {
  GetParam().change(seen_);
  EXPECT_EQ(ready(), GetParam().ready);
  waiting("r1");
  EXPECT_EQ(waits_for("r1"), GetParam().progress);
  EXPECT_TRUE(look().requeue_after.has_value()) << "it goes on by itself";
}

INSTANTIATE_TEST_SUITE_P(
    All, HurdleTest,
    ::testing::Values(Hurdle{"BrokenSpec", [](Observed& o) { o.policy->spec_error = "spec.hold: wrong"; },
                             "-InvalidSpec", "InvalidSpec"},
                      Hurdle{"NoTargetNamed", [](Observed& o) { o.policy->spec.target_ref.reset(); },
                             "-InvalidSpec", "InvalidSpec"},
                      Hurdle{"NoTarget", [](Observed& o) { o.workload.reset(), o.pods.clear(); },
                             "-TargetNotFound", "TargetNotFound"},
                      Hurdle{"NoPodsYet", [](Observed& o) { o.pods.clear(); }, "-NoPods", "NoPods"},
                      Hurdle{"OnlyEndingPods",
                             [](Observed& o) {
                               for (auto& p : o.pods) p.is_terminating = true;
                             },
                             "-NoPods", "NoPods"},
                      Hurdle{"NoSidecar",
                             [](Observed& o) {
                               for (auto& p : o.pods) p.has_sidecar = false;
                             },
                             "-NoSidecar", "NoSidecar"},
                      Hurdle{"Silent",
                             [](Observed& o) {
                               for (auto& p : o.pods) p.reach = Reach::kUnreachable;
                             },
                             "-NoneReachable", "NoneReachable"},
                      Hurdle{"OtherVersion",
                             [](Observed& o) {
                               for (auto& p : o.pods) p.sidecar->version = "0.3.0";
                             },
                             "-Incompatible", "Incompatible"},
                      Hurdle{"Suspended", [](Observed& o) { o.policy->spec.suspend = true; }, "+Suspended",
                             "Suspended"},
                      Hurdle{"RollingOut", [](Observed& o) { o.workload->is_rolling_out = true; },
                             "+WorkloadRollingOut", "WorkloadRollingOut"},
                      Hurdle{"ElderPolicy",
                             [](Observed& o) {
                               o.rivals = {{"elder", "x", at(-2000)}};
                             },
                             "-Conflicted", "Conflicted"}),
    [](const auto& hurdle) { return hurdle.param.name; });

TEST_F(ReconcileTest, YoungerRivalIsNoHurdleAndOfEqualAgeTheSmallerUidWins) {
  seen_.rivals = {{"younger", "x", at(-10)}};
  EXPECT_EQ(ready(), "+Idle");
  seen_.rivals = {{"equal", "a", at(-1000)}};
  EXPECT_EQ(ready(), "-Conflicted");
  seen_.rivals = {{"equal", "z", at(-1000)}};
  EXPECT_EQ(ready(), "+Idle");
}

TEST_F(ReconcileTest, ScaledToZeroEndsAReloadThatWaits) {
  seen_.workload->replicas = 0;
  seen_.pods.clear();
  waiting("r1");
  EXPECT_EQ(written("r1").phase, ReloadPhase::kAborted);
  EXPECT_EQ(written("r1").end_reason, "NoPods");
}

TEST_F(ReconcileTest, SomeSilentPodsAreNamed) {
  seen_.pods[1].reach = Reach::kUnreachable;
  seen_.pods[1].reach_message = "connection refused";
  const api::Condition reachable = condition(condition::kPodsReachable);
  EXPECT_EQ(reachable.status, ConditionStatus::kFalse);
  EXPECT_EQ(reachable.reason, "SomeUnreachable");
  EXPECT_EQ(reachable.message, "shop-2: connection refused");
}

TEST_F(ReconcileTest, KubeletProbeThroughTheProxyIsNamed) {
  seen_.pods[0].probe_through_proxy = "container app: livenessProbe on port 8080";
  EXPECT_EQ(condition(condition::kProbeThroughProxy).status, ConditionStatus::kTrue);
  EXPECT_THAT(condition(condition::kProbeThroughProxy).message,
              HasSubstr("shop-1: container app: livenessProbe on port 8080"));
}

TEST_F(ReconcileTest, BrokenSpecStallsThePolicyWithOneEvent) {
  seen_.policy->spec_error = "spec.hold: wrong";
  EXPECT_EQ(condition(condition::kStalled).status, ConditionStatus::kTrue);
  ASSERT_EQ(all<EmitEvent>(look()).size(), 1u);
  EXPECT_EQ(all<EmitEvent>(look())[0].reason, "InvalidSpec");
  seen_.policy->status = policy_status();
  EXPECT_THAT(all<EmitEvent>(look()), IsEmpty());
}

TEST_F(ReconcileTest, EveryDecisionIsTotalOverDegenerateInput) {
  for (const bool has_policy : {true, false}) {
    for (const auto phase : {ReloadPhase::kPending, ReloadPhase::kProgressing, ReloadPhase::kPaused,
                             ReloadPhase::kRollingBack}) {
      Observed odd;
      if (has_policy) odd.policy = api::ReloadPolicy{};
      odd.pods = {ObservedPod{}, build::pod("p")};
      odd.reloads = {api::Reload{}, build::reload("r1")};
      odd.reloads[1].status.phase = phase;
      odd.reloads[1].status.start_time = at(-1);
      reconcile(odd, at(0));
      odd.reloads[1].status.step = 99;
      odd.reloads[1].status.steps = {api::ReloadStep{}};
      reconcile(odd, at(0));
    }
  }
}

}  // namespace
}  // namespace sidestep::op
