#include "operator/io/apply.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <nlohmann/json.hpp>

#include "operator/io/parallel.h"
#include "tests/operator/io/fake_sidecar.h"
#include "tests/support/fake_clock.h"
#include "tests/support/fake_transport.h"

namespace sidestep::op {
namespace {
using namespace std::chrono_literals;

class ApplyTest : public ::testing::Test {
 protected:
  ApplyTest() {
    observed_.name_space = "n", observed_.policy_name = "shop";
    observed_.policy.emplace();
    observed_.policy->meta.name = "shop", observed_.policy->meta.resource_version = "10";
    api::Reload reload;
    reload.meta.name = "shop-1", reload.meta.resource_version = "20", reload.meta.uid = "ru";
    observed_.reloads.push_back(reload);
  }
  ApplyResult apply(std::vector<Action> actions) {
    return applier_.apply(observed_, Plan{std::move(actions), {}, {}});
  }
  void stored(const char* version) {
    api_.answer(200, std::string(R"({"metadata":{"resourceVersion":")") + version + "\"}}");
  }
  k8s::Json body(std::size_t i) { return k8s::Json::parse(api_.requests[i].body); }

  test::FakeTransport api_;
  test::FakeClock clock_;
  k8s::Client client_{api_, clock_, [](Millis) {}};
  std::shared_ptr<const policy::PrivateKey> key_ =
      std::make_shared<const policy::PrivateKey>(policy::PrivateKey::generate());
  test::FakeSidecar sidecar_{*policy::PublicKey::from_pem(key_->public_pem())};
  SidecarClient sidecars_{sidecar_, clock_, [this] { return Authority{key_, 1, "l"}; }};
  SidecarBook book_{sidecars_, clock_};
  WriteLedger ledger_;
  k8s::EventRecorder events_{client_, clock_, "c", "i"};
  bool may_act_ = true;
  Applier applier_{{client_, events_, sidecars_, book_, ledger_, clock_, [this] { return may_act_; },
                    [](const std::string&, const PodRef& pod) -> std::optional<SidecarAddress> {
                      if (pod.uid == "gone") return std::nullopt;
                      return SidecarAddress{pod.uid, "10.0.0.7", 8086};
                    },
                    [](const std::string&) { return true; },
                    [this](const std::string& reload) { given_back_.push_back(reload); }}};
  std::vector<std::string> given_back_;
  Observed observed_;
  const PodRef pod_{"p", "pod-uid"};
};

TEST_F(ApplyTest, PlaceIsGivenBackWhenTheStartIsRefusedForGoodAndNotOnceItIsWritten) {
  const TakeSlot slot{"shop-1"};
  const AddFinalizer finalizer{Subject::kReload, "shop-1"};
  PatchReloadStatus started{"shop-1", {}};
  started.status.start_time = WallTime{};
  api_.answer(403, R"({"message":"no"})");
  EXPECT_EQ(apply({slot, finalizer, started}).what, Applied::kGiveUp);
  EXPECT_EQ(given_back_, std::vector<std::string>{"n/shop-1"});
  stored("21"), api_.answer(403, R"({"message":"no"})");
  EXPECT_EQ(apply({slot, started, finalizer}).what, Applied::kGiveUp);
  EXPECT_EQ(given_back_.size(), 1u);
}

TEST_F(ApplyTest, StatusCarriesTheObservedVersionAndTheNextWriteTheNewOne) {
  stored("21"), stored("22");
  EXPECT_EQ(apply({AddFinalizer{Subject::kReload, "shop-1"}, PatchReloadStatus{"shop-1", {}}}).what,
            Applied::kAll);
  EXPECT_EQ(body(0)["metadata"]["resourceVersion"], "20");
  EXPECT_EQ(body(0)["metadata"]["finalizers"], k8s::Json({"sidestep.dev/reload"}));
  EXPECT_EQ(body(1)["metadata"]["resourceVersion"], "21");
  EXPECT_NE(api_.requests[1].target.find("/reloads/shop-1/status?"), std::string::npos);
}

TEST_F(ApplyTest, ConflictStopsThePlanBeforeAnySidecarIsCommanded) {
  api_.answer(409, "{}");
  EXPECT_EQ(apply({PatchReloadStatus{"shop-1", {}}, SidecarPromote{pod_, "r"}}).what, Applied::kAgain);
  EXPECT_TRUE(sidecar_.requests.empty());
}

TEST_F(ApplyTest, SilentPodDoesNotKeepItsNeighboursFromTheirCommandsButStopsTheRecordAfterThem) {
  const auto result = apply(
      {SidecarPromote{{"x", "other"}, "r"}, SidecarPromote{pod_, "r"}, PatchReloadStatus{"shop-1", {}}});
  EXPECT_EQ(result.what, Applied::kLater);
  EXPECT_TRUE(std::any_of(sidecar_.requests.begin(), sidecar_.requests.end(),
                          [](const auto& request) { return !request.headers.empty(); }));
  EXPECT_EQ(sidecar_.nonces.size(), 1u);  // the neighbour's
  EXPECT_TRUE(api_.requests.empty());
}

TEST_F(ApplyTest, ProcessThatMayNoLongerLeadDoesNothing) {
  may_act_ = false;
  EXPECT_EQ(apply({PatchReloadStatus{"shop-1", {}}, SidecarPromote{pod_, "r"}}).what, Applied::kAgain);
  EXPECT_TRUE(api_.requests.empty());
  EXPECT_TRUE(sidecar_.requests.empty());
}

TEST_F(ApplyTest, ReloadThatExistsAlreadyIsSuccess) {
  api_.answer(409, "{}");
  EXPECT_EQ(apply({CreateReload{"shop-2", {"shop", "t", "why"}}}).what, Applied::kAll);
  EXPECT_EQ(body(0)["metadata"]["name"], "shop-2");
}

TEST_F(ApplyTest, ReloadThatBeginsAtOnceIsMadeWithTheFinalizerOfARunningOne) {
  api_.answer(201, R"({"metadata":{"resourceVersion":"9"}})");
  EXPECT_EQ(apply({CreateReload{"shop-2", {"shop", "t", "why"}, true}}).what, Applied::kAll);
  EXPECT_EQ(body(0)["metadata"]["finalizers"], k8s::Json::array({api::kReloadFinalizer}));
}

TEST_F(ApplyTest, RefusedByTheApiForGoodIsNotTriedUntilSomethingChanges) {
  api_.answer(422, "{}");
  EXPECT_EQ(apply({PatchPolicyStatus{}}).what, Applied::kGiveUp);
  api_.answer(403, "{}");
  EXPECT_TRUE(apply({PatchPolicyStatus{}}).is_forbidden);
}

TEST_F(ApplyTest, StatusOfOneReloadIsWrittenAtMostOnceASecondAfterABurst) {
  for (const char* version : {"21", "22", "23", "24"}) stored(version);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(apply({PatchReloadStatus{"shop-1", {}}}).what, Applied::kAll);
  const auto fourth = apply({PatchReloadStatus{"shop-1", {}}, SidecarPromote{pod_, "r"}});
  EXPECT_EQ(fourth.what, Applied::kAgain);
  EXPECT_TRUE(sidecar_.requests.empty());
  clock_.advance(1s);
  EXPECT_EQ(apply({PatchReloadStatus{"shop-1", {}}}).what, Applied::kAll);
}

TEST_F(ApplyTest, DeletionNamesTheUidAndWhatIsGoneIsSuccess) {
  api_.answer(404, "{}");
  EXPECT_EQ(apply({DeleteReload{"shop-1", "ru"}}).what, Applied::kAll);
  EXPECT_EQ(body(0)["preconditions"]["uid"], "ru");
}

TEST_F(ApplyTest, FinalizerThatIsNotThereIsNotRemovedAgain) {
  EXPECT_EQ(apply({RemoveFinalizer{Subject::kReload, "shop-1"}}).what, Applied::kAll);
  EXPECT_TRUE(api_.requests.empty());
}

TEST_F(ApplyTest, PodIsRefreshedByItsUid) {
  stored("1");
  EXPECT_EQ(apply({RefreshPod{pod_, "tok"}}).what, Applied::kAll);
  EXPECT_EQ(body(0), k8s::Json::parse(
                         R"({"metadata":{"uid":"pod-uid","annotations":{"sidestep.dev/refresh":"tok"}}})"));
}

TEST_F(ApplyTest, PodIsMarkedByItsUid) {
  stored("1");
  EXPECT_EQ(apply({MarkPod{pod_, "t1"}}).what, Applied::kAll);
  EXPECT_EQ(body(0)["metadata"]["uid"], "pod-uid");
  EXPECT_EQ(body(0)["metadata"]["annotations"]["sidestep.dev/handled-reload"], "t1");
}

TEST_F(ApplyTest, RefusalOfASidecarIsNotedForTheNextDecision) {
  sidecar_.status = 400, sidecar_.body = R"({"error":{"kind":"invalid","message":"no"}})";
  EXPECT_EQ(apply({SidecarWeight{pod_, "r", 1}}).what, Applied::kAgain);
  EXPECT_EQ(book_.look({{"pod-uid", "", 0}}, false)[0].refusal->message, "no");
}

TEST_F(ApplyTest, PodThatRefusesThePolicyGetsNoReload) {
  sidecar_.status = 400,
  sidecar_.body = R"({"error":{"kind":"invalid","message":"hold.maxRequests: no such field"}})";
  apply({SidecarPolicy{pod_, "r"}, SidecarReload{pod_, "r", "t", "", "reload/x", 600s}});
  EXPECT_EQ(sidecar_.nonces.size(), 1u);
  EXPECT_EQ(book_.look({{"pod-uid", "", 0}}, false)[0].refusal->reload_id, "r");
}

TEST_F(ApplyTest, CommandToAPodThatIsGoneAsksForANewDecision) {
  EXPECT_EQ(apply({SidecarWeight{{"p", "gone"}, "r", 1}}).what, Applied::kAgain);
}

TEST_F(ApplyTest, OwnWriteMakesAnOlderCacheUnfitForDecisions) {
  stored("21");
  apply({PatchReloadStatus{"shop-1", {}}});
  EXPECT_TRUE(ledger_.is_behind("reload n/shop shop-1", "20", clock_.steady()));
  EXPECT_FALSE(ledger_.is_behind("reload n/shop shop-1", "21", clock_.steady()));
}

// Answers nobody before so many are asked at the same time.
class Rendezvous final : public k8s::Transport {
 public:
  explicit Rendezvous(std::size_t wanted) : wanted_(wanted) {}
  Result<k8s::Response> send(const k8s::Request&) override {
    std::unique_lock lock(mutex_);
    ++there_;
    changed_.notify_all();
    if (!changed_.wait_for(lock, 10s, [this] { return there_ >= wanted_; })) met_ = false;
    return unavailable("all were asked");
  }
  Result<k8s::Response> watch(const k8s::Request&, const k8s::LineSink&, std::stop_token) override {
    return unavailable("no watches");
  }
  bool met() const { return met_ && there_ >= wanted_; }

 private:
  const std::size_t wanted_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::size_t there_ = 0;
  bool met_ = true;
};

class ApplyAtOnceTest : public ApplyTest {
 protected:
  // Everything that the plan asks of anybody meets, `wanted` at a time.
  bool all_meet(std::size_t wanted, std::vector<Action> actions) {
    Rendezvous everybody(wanted);
    k8s::Client client(everybody, clock_, [](Millis) {});
    SidecarClient sidecars(everybody, clock_, [this] { return Authority{key_, 1, "l"}; });
    Applier applier({client, events_, sidecars, book_, ledger_, clock_, [] { return true; },
                     [](const std::string&, const PodRef& pod) {
                       return std::optional(SidecarAddress{pod.uid, "10.0.0.7", 8086});
                     }});
    EXPECT_EQ(applier.apply(observed_, Plan{std::move(actions), {}, {}}).what, Applied::kLater);
    return everybody.met();
  }
};

TEST_F(ApplyAtOnceTest, PodsAreTakenBackAtTheSameTimeNotOneAfterTheOther) {
  std::vector<Action> actions;
  for (std::size_t i = 0; i < kSidecarsAtOnce; ++i)
    actions.push_back(SidecarAbort{{"p", "uid-" + std::to_string(i)}, "r", "why"});
  EXPECT_TRUE(all_meet(kSidecarsAtOnce, std::move(actions)));
}

TEST_F(ApplyAtOnceTest, CandidateDoesNotWaitForTheMarkOfItsPod) {
  EXPECT_TRUE(all_meet(2, {RefreshPod{pod_, "tok"}, SidecarReload{pod_, "r", "t", "", "reload/x", 600s}}));
}

TEST_F(ApplyAtOnceTest, ReloadIsMadeWhileItsPolicyGetsTheFinalizer) {
  EXPECT_TRUE(
      all_meet(2, {AddFinalizer{Subject::kPolicy, "shop"}, CreateReload{"shop-2", {"shop", "t", ""}}}));
}

TEST_F(ApplyTest, PodIsNotMarkedBeforeTheReloadThatItAskedForIsThere) {
  api_.fail();
  EXPECT_EQ(apply({CreateReload{"shop-2", {"shop", "t", ""}}, MarkPod{pod_, "t"}}).what, Applied::kLater);
  EXPECT_EQ(api_.requests.size(), 1u);
}

TEST(WriteLedger, VersionsAreComparedByLengthThenText) {
  EXPECT_TRUE(is_older("99", "100"));
  EXPECT_FALSE(is_older("100", "99"));
  EXPECT_FALSE(is_older("100", "100"));
  EXPECT_TRUE(is_older("abc", "100"));
  EXPECT_TRUE(is_older("", "100"));
}

TEST(WriteLedger, CreatedObjectThatTheCacheLacksIsMissingUntilTheMarkIsOld) {
  WriteLedger ledger;
  test::FakeClock clock;
  ledger.wrote("reload n/shop a", "5", clock.steady());
  EXPECT_TRUE(ledger.any_missing("reload n/shop ", {}, clock.steady()));
  EXPECT_FALSE(ledger.any_missing("reload n/other ", {}, clock.steady()));
  EXPECT_FALSE(ledger.any_missing("reload n/shop ", {{"reload n/shop a", "5"}}, clock.steady()));
  clock.advance(10'001ms);
  EXPECT_FALSE(ledger.any_missing("reload n/shop ", {}, clock.steady()));
}

}  // namespace
}  // namespace sidestep::op
