#include "lib/k8s/lease.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/support/fake_clock.h"
#include "tests/support/fake_transport.h"

namespace sidestep::k8s {
namespace {
using namespace std::chrono_literals;

class LeaseTest : public ::testing::Test {
 protected:
  LeaseStep read(const std::optional<LeaseRecord>& record) {
    LeaseStep step = on_lease_read(state_, record, now_, wall_, 0, limits_);
    state_ = step.next;
    return step;
  }
  LeaseStep written(const std::optional<LeaseRecord>& record) {
    LeaseStep step = on_lease_written(state_, record, now_, now_, 0, limits_);
    state_ = step.next;
    return step;
  }
  void lead() {
    const auto step = read(LeaseRecord{});
    LeaseRecord stored = step.record;
    stored.version = "1", stored.uid = "u";
    written(stored);
    ASSERT_TRUE(state_.leading);
  }
  static LeaseRecord held(const char* version) { return {"other", 3, 500, version, "u", 15s}; }

  TimePoint now_ = TimePoint{} + 1h;
  WallTime wall_ = WallTime{} + 1000ms;
  LeaseLimits limits_;
  LeaseState state_{.identity = "me", .seen = {}};
};

TEST_F(LeaseTest, MissingLeaseIsCreatedWithTheTimeAsEpoch) {
  const auto step = read(LeaseRecord{});
  EXPECT_EQ(step.what, LeaseDo::kWrite);
  EXPECT_EQ(step.record, (LeaseRecord{"me", 0, 1000, "", "", 15s}));
}

TEST_F(LeaseTest, HeldLeaseIsWaitedForUntilItStandsStillForItsDuration) {
  EXPECT_EQ(read(held("1")).what, LeaseDo::kNothing);
  now_ += 14'999ms;
  EXPECT_EQ(read(held("1")).what, LeaseDo::kNothing);
  now_ += 1ms;
  const auto step = read(held("1"));
  EXPECT_EQ(step.what, LeaseDo::kWrite);
  EXPECT_EQ(step.record, (LeaseRecord{"me", 4, 1000, "1", "u", 15s}));
}

TEST_F(LeaseTest, EveryChangeSeenStartsTheWaitAnew) {
  read(held("1"));
  now_ += 14s;
  read(held("2"));
  now_ += 14s;
  EXPECT_EQ(read(held("2")).what, LeaseDo::kNothing);
}

TEST_F(LeaseTest, ReleasedLeaseIsTakenAtOnce) {
  LeaseRecord released = held("1");
  released.holder.clear();
  EXPECT_EQ(read(released).what, LeaseDo::kWrite);
}

TEST_F(LeaseTest, EpochGrowsEvenWhenTheClockWentBack) {
  LeaseRecord released = held("1");
  released.holder.clear(), released.epoch = 5'000'000;
  EXPECT_EQ(read(released).record.epoch, 5'000'001);
}

TEST_F(LeaseTest, OwnLeaseFoundAfterARestartGetsANewEpoch) {
  LeaseRecord own = held("1");
  own.holder = "me";
  const auto step = read(own);
  EXPECT_EQ(step.what, LeaseDo::kWrite);
  EXPECT_EQ(step.record.epoch, 1000);
  EXPECT_EQ(step.record.transitions, 3);
}

TEST_F(LeaseTest, RenewalKeepsEpochAndCarriesTheVersionAsPrecondition) {
  lead();
  now_ += 2s, wall_ += 2s;
  const auto step = read(state_.seen);
  EXPECT_EQ(step.what, LeaseDo::kWrite);
  EXPECT_EQ(step.record.epoch, 1000);
  EXPECT_EQ(step.record.version, "1");
}

TEST_F(LeaseTest, LeaderThatCannotRenewUntilItsDeadlineHasLost) {
  lead();
  now_ += 9'999ms;
  EXPECT_EQ(read(std::nullopt).what, LeaseDo::kNothing);
  now_ += 1ms;
  EXPECT_EQ(read(std::nullopt).what, LeaseDo::kLost);
}

TEST_F(LeaseTest, LeaderThatSleptPastItsDeadlineHasLostEvenIfTheRecordIsStillItsOwn) {
  lead();
  now_ += 60s;
  EXPECT_EQ(read(state_.seen).what, LeaseDo::kLost);
}

TEST_F(LeaseTest, LeaderThatSeesAnotherHolderOrNoLeaseHasLost) {
  lead();
  const LeaseState leading = state_;
  EXPECT_EQ(read(held("2")).what, LeaseDo::kLost);
  state_ = leading;
  EXPECT_EQ(read(LeaseRecord{}).what, LeaseDo::kLost);
}

TEST_F(LeaseTest, FailedClaimIsNotLeadership) {
  read(LeaseRecord{});
  EXPECT_EQ(written(std::nullopt).what, LeaseDo::kNothing);
  EXPECT_FALSE(state_.leading);
}

TEST_F(LeaseTest, RecordSurvivesJson) {
  const LeaseRecord record{"me", 4, 1234567890123, "7", "", 15s};
  EXPECT_EQ(lease_from_json(lease_to_json("ns", "l", record, true, wall_)), record);
}

TEST(LeaseKeeper, AcquiresKeepsAndStopsActingWhenTheClockPassesItsDeadline) {
  test::FakeTransport server;
  test::FakeClock clock;
  Client client(server, clock, [](Millis) {});
  LeaseKeeper keeper(client, clock, "ns", "sidestep-operator", "me");
  const auto stored =
      lease_to_json("ns", "sidestep-operator", {"me", 0, 77, "1", "", 15s}, true, clock.wall());
  server.answer(404, "{}");
  server.answer(201, stored.dump());
  EXPECT_TRUE(keeper.acquire({}));
  EXPECT_EQ(keeper.epoch(), 77);
  EXPECT_TRUE(keeper.may_act(clock.steady() + 9'999ms));
  EXPECT_FALSE(keeper.may_act(clock.steady() + 10s));
}

TEST_F(LeaseTest, AnswerThatDoesNotNameUsAsTheHolderIsNoLeadership) {
  read(LeaseRecord{});
  written(lease_from_json(Json::object()));
  EXPECT_FALSE(state_.leading);
  written(held("1"));
  EXPECT_FALSE(state_.leading);
  lead();
  const TimePoint renewed = state_.renewed_at;
  now_ += 2s;
  written(lease_from_json(Json::object()));
  EXPECT_EQ(state_.renewed_at, renewed);
  EXPECT_EQ(state_.epoch, 1000);
}

TEST(LeaseKeeper, LeaderThatReadsSomethingThatIsNoLeaseLooksAgain) {
  test::FakeTransport server;
  test::FakeClock clock;
  Client client(server, clock, [](Millis) {});
  LeaseKeeper keeper(client, clock, "ns", "l", "me", {.retry = 1ms});
  const auto stored = lease_to_json("ns", "l", {"me", 0, 77, "1", "", 15s}, true, clock.wall()).dump();
  server.answer(404, "{}"), server.answer(201, stored);
  ASSERT_TRUE(keeper.acquire({}));
  server.answer(200, R"({"kind": "Status", "metadata": {}, "status": "Success"})");
  server.answer(200, stored), server.answer(200, stored);
  server.answer(404, "{}");  // now it is lost
  EXPECT_FALSE(keeper.keep({}));
  EXPECT_EQ(server.requests.size(), 6u);
}

}  // namespace
}  // namespace sidestep::k8s
