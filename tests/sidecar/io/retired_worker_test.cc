// A replaced worker with a data plane that is made up, a clock in hand, and the one that serves at the other
// end of a socket pair.
#include "sidecar/io/retired_worker.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include "sidecar/io/worker_state.h"
#include "tests/support/fake_clock.h"
#include "tests/support/fake_plane.h"

namespace sidestep::sidecar {
namespace {

using namespace std::chrono_literals;

struct Heard final : FramePeer::Owner {
  void on_frame(FramePeer&, const launch::Frame& frame) override {
    if (const auto idle = launch::decode<LinkIdle>(frame); idle && frame.type == LinkIdle::kType)
      idles.emplace_back(idle->generation, idle->version);
    if (frame.type == LinkCounters::kType)
      counted = decode_counters(launch::decode<LinkCounters>(frame)->counters)->requests;
  }
  void on_closed(FramePeer&) override {}
  std::vector<std::pair<std::uint64_t, std::uint64_t>> idles;
  std::uint64_t counted = 0;
};

class RetiredWorkerTest : public ::testing::Test {
 protected:
  RetiredWorkerTest() {
    RouteTable routes;
    routes.version = 7;
    retired_ = std::make_unique<RetiredWorker>(
        RetiredWorker::Parts{
            loop_, plane_, {60s, 600s}, [](Generation, UniqueFd) {}, [](RouteTable&) {}, [this] { ++done_; }},
        routes);
  }
  // Looks of the worker at its plane.
  void let_pass(Millis time) {
    for (Millis passed{0}; passed < time; passed += 50ms) {
      clock_.advance(50ms);
      loop_.run_once(0ms);
    }
    loop_.run_once(0ms);
  }
  void link() {
    auto pair = socket_pair(SOCK_STREAM);
    server_ = std::make_unique<FramePeer>(loop_, std::move(pair->first), heard_);
    retired_->link(std::move(pair->second));
    turns();
  }
  void turns() {
    for (int i = 0; i < 4; ++i) loop_.run_once(0ms);
  }

  test::FakeClock clock_;
  const TimePoint began_ = clock_.steady();
  EventLoop loop_{clock_};
  FakePlane plane_;
  Heard heard_;
  std::unique_ptr<FramePeer> server_;
  int done_ = 0;
  std::unique_ptr<RetiredWorker> retired_;
};

TEST_F(RetiredWorkerTest, ItEndsWhenNoClientIsLeft) {
  plane_.counted.clients_open = 1;
  let_pass(5s);
  EXPECT_EQ(done_, 0);
  plane_.counted.clients_open = 0;
  let_pass(200ms);
  EXPECT_EQ(done_, 1);
  EXPECT_TRUE(plane_.is_stopped);
}

TEST_F(RetiredWorkerTest, OnceDoneItSaysNothingMore) {
  plane_.counted.requests = 5;
  let_pass(300ms);
  ASSERT_EQ(done_, 1);
  const std::uint64_t last = plane_.table().version;
  plane_.counted = {};  // what a plane without shards would say
  heard_.counted = 5;
  link();
  retired_->end();
  turns();
  EXPECT_EQ(heard_.counted, 5U);
  EXPECT_EQ(plane_.table().version, last);
}

TEST_F(RetiredWorkerTest, ThatNoClientIsLeftMustBeSaidByEveryShardNow) {
  plane_.answers = false;  // what they published says nothing of clients
  let_pass(5s);
  EXPECT_EQ(done_, 0);
  plane_.answers = true;
  let_pass(200ms);
  EXPECT_EQ(done_, 1);
}

TEST_F(RetiredWorkerTest, ItTellsItsClientsAndEndsThemWhenItsTimeIsOver) {
  EXPECT_TRUE(plane_.table().announce_close);
  EXPECT_EQ(plane_.table().clients_until, began_ + 60s);
  EXPECT_FALSE(plane_.table().stop_listening);
  plane_.counted.clients_open = 1;
  retired_->end();
  EXPECT_TRUE(plane_.table().stop_listening && plane_.table().refuse);
  let_pass(2s);
  EXPECT_EQ(done_, 0);
  let_pass(2s);
  EXPECT_EQ(done_, 1);
}

TEST_F(RetiredWorkerTest, WhatIsIdleHereIsSaidInTheNumbersOfTheOneThatServes) {
  link();
  LinkRoutes routes;
  RouteTable table;
  table.version = 90;  // the one that serves counts by itself
  routes.table = encode(table);
  server_->send(launch::encode(routes));
  turns();
  const std::uint64_t here = plane_.table().version;
  EXPECT_NE(here, 90U);
  plane_.counted.requests = 5;
  retired_->on_idle(Generation{3}, here);
  turns();
  EXPECT_EQ(heard_.idles, (std::vector<std::pair<std::uint64_t, std::uint64_t>>{{3, 90}}));
  EXPECT_EQ(heard_.counted, 5U);  // counted before it was called idle
}

}  // namespace
}  // namespace sidestep::sidecar
