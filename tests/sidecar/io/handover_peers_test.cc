// The exchange between two workers over a socket pair, and everything that can be wrong with it.
#include "sidecar/io/handover_peers.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <span>

namespace sidestep::sidecar {
namespace {

using namespace std::chrono_literals;

WorkerState some_state() {
  WorkerState state;
  state.driver.model.policy = std::make_shared<const policy::PolicySpec>();
  state.driver.model.generations.last = Generation{7};
  state.driver.model.generations.active.member.recipe.command = {"app", "", "-x"};
  Judging judging;
  judging.run.view.id = "r-1";
  judging.run.policy = state.driver.model.policy;
  judging.weight = 2'500;
  judging.due = TimePoint{} + 5s;
  state.driver.model.state = judging;
  Facts facts;
  facts.address.port = 41'000;
  state.driver.fleet.emplace(Generation{7}, facts);
  state.driver.remembered.boot_id = "boot";
  state.driver.remembered.receipts["r-0"].requests[6] = 12;
  state.driver.decisions = {{WallTime{} + 3s, "what", "why"}};
  ShardCounters counters;
  counters.requests = 42;
  counters.limits.set(Limit::kMaxHeadBytes, 6);
  counters.generations.emplace_back().requests = 40;
  counters.generations.back().latency[3] = 5;
  state.older[2] = counters;
  state.launcher.token = "token";
  state.launcher.pinned = {3};
  state.control = "nonces";
  state.tickets.keys.emplace_back().mac.fill(9);
  return state;
}

class HandoverPeersTest : public ::testing::Test {
 protected:
  HandoverPeersTest() {
    auto pair = socket_pair(SOCK_STREAM);
    ours_ = std::move(pair->first);
    theirs_ = std::move(pair->second);
  }
  void give(UniqueFd socket) {
    giver_ = std::make_unique<HandoverGiver>(
        loop_, std::move(socket),
        [this]() -> Result<HandoverGiver::Gift> {
          if (!refusal_.empty()) return unavailable(refusal_);
          HandoverGiver::Gift gift{some_state(), {}};
          gift.descriptors.push_back(duplicate(0));
          return gift;
        },
        [this](const std::string& why) { given_up_ = why; });
  }
  void take(UniqueFd socket) {
    taker_ = std::make_unique<HandoverTaker>(
        loop_, std::move(socket),
        [this](WorkerState state, std::vector<UniqueFd> fds) {
          taken_ = std::move(state);
          descriptors_ = fds.size();
        },
        [this](const std::string& why) { not_taken_ = why; });
  }
  void turn(int turns = 10) {
    for (int i = 0; i < turns; ++i) loop_.run_once(1ms);
  }
  template <typename T>
  void send(const T& message, std::size_t most = SIZE_MAX) {
    const std::string bytes = launch::encode(message);
    send_with_fds(ours_.get(), std::as_bytes(std::span(bytes)).first(std::min(most, bytes.size())), {});
  }

  EventLoop loop_;
  UniqueFd ours_, theirs_;
  std::unique_ptr<HandoverGiver> giver_;
  std::unique_ptr<HandoverTaker> taker_;
  std::string refusal_, given_up_, not_taken_;
  std::optional<WorkerState> taken_;
  std::size_t descriptors_ = 0;
};

TEST_F(HandoverPeersTest, TheWholeStateAndItsDescriptorsArrive) {
  give(std::move(ours_));
  take(std::move(theirs_));
  turn();
  ASSERT_TRUE(taken_.has_value());
  EXPECT_EQ(encode(*taken_), encode(some_state()));
  EXPECT_EQ(descriptors_, 1U);
  EXPECT_EQ(std::get<Judging>(taken_->driver.model.state).weight, 2'500);
  EXPECT_EQ(taken_->older.at(2).generations.at(0).latency[3], 5U);
  EXPECT_EQ(taken_->older.at(2).limits.of(Limit::kMaxHeadBytes), 6U);
  EXPECT_EQ(given_up_ + not_taken_, "");
}

TEST_F(HandoverPeersTest, AnotherKindOfStateIsRefusedByTheGivingSide) {
  give(std::move(theirs_));
  send(HandoverHello{kHandoverVersion + 1, "9.0.0"});
  turn();
  EXPECT_NE(given_up_.find("version 9.0.0"), std::string::npos) << given_up_;
}

TEST_F(HandoverPeersTest, AGiftThatCannotBeMadeIsAFailureOfTheGivingSide) {
  refusal_ = "the launcher does not take what it is told";
  give(std::move(ours_));
  take(std::move(theirs_));
  turn();
  EXPECT_EQ(given_up_, refusal_);
  EXPECT_FALSE(taken_.has_value());
}

TEST_F(HandoverPeersTest, DescriptorsThatDoNotComeAreAFailure) {
  take(std::move(theirs_));
  send(HandoverState{encode(some_state()), 2});
  turn();
  EXPECT_FALSE(taken_.has_value());
  EXPECT_NE(not_taken_.find("0 of 2 descriptors"), std::string::npos) << not_taken_;
}

TEST_F(HandoverPeersTest, AFrameThatIsCutOffIsAFailure) {
  take(std::move(theirs_));
  send(HandoverState{encode(some_state()), 0}, 300);
  turn();
  EXPECT_FALSE(taken_.has_value());
  ours_.reset();
  turn();
  EXPECT_NE(not_taken_.find("before its state came"), std::string::npos) << not_taken_;
}

TEST_F(HandoverPeersTest, StateThatIsCutOffAtAnyByteIsNotUsed) {
  const std::string whole = encode(some_state());
  for (std::size_t size = 0; size < whole.size(); ++size) {
    const auto state = decode_worker_state(std::string_view(whole).substr(0, size));
    EXPECT_FALSE(state.has_value()) << size;
  }
}

TEST_F(HandoverPeersTest, TheEndOfTheNewWorkerIsLeftToTheParent) {
  give(std::move(theirs_));
  ours_.reset();
  turn();
  EXPECT_EQ(given_up_, "");
}

TEST(WorkerStateTest, RoutesArriveAsTheyWere) {
  RouteTable table;
  table.version = 9;
  table.active = RouteEntry{Generation{4}, {0, "/run/s"}};
  table.closing.push_back({Generation{3}, 1012, TimePoint{} + 4s, std::nullopt});
  table.hold = true;
  const auto read = decode_routes(encode(table));
  ASSERT_TRUE(read.has_value());
  EXPECT_EQ(encode(*read), encode(table));
  EXPECT_EQ(read->active->address.socket_path, "/run/s");
  EXPECT_EQ(read->closing.at(0).requests_until, std::nullopt);
  EXPECT_FALSE(decode_routes("").has_value());
}

}  // namespace
}  // namespace sidestep::sidecar
