// The plane of the worker that serves, with a replaced worker at the other end of a socket pair.
#include "sidecar/io/relay_plane.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include "sidecar/io/worker_state.h"
#include "tests/support/fake_plane.h"

namespace sidestep::sidecar {
namespace {

constexpr Generation kFirst{1};
using Idles = std::vector<std::pair<Generation, std::uint64_t>>;

struct OldWorker final : FramePeer::Owner {
  void on_frame(FramePeer&, const launch::Frame& frame) override {
    if (frame.type == LinkRoutes::kType)
      version = decode_routes(launch::decode<LinkRoutes>(frame)->table)->version;
  }
  void on_closed(FramePeer&) override {}
  std::uint64_t version = 0;
};

class RelayPlaneTest : public ::testing::Test {
 protected:
  RelayPlaneTest() {
    PlaneEvents events;
    events.idle = [this](Generation generation, std::uint64_t version) {
      idles_.emplace_back(generation, version);
    };
    plane_ = std::make_unique<RelayPlane>(loop_, std::move(events), [](Generation) { return -1; });
    own_idle_ = plane_->own_events().idle;
    auto own = std::make_unique<FakePlane>();
    own_ = own.get();
    plane_->set_own(std::move(own));
    plane_->start({}, table(1));
    auto pair = socket_pair(SOCK_STREAM);
    old_ = std::make_unique<FramePeer>(loop_, std::move(pair->first), heard_);
    plane_->link(2, std::move(pair->second));
    turns();
  }
  static RouteTablePtr table(std::uint64_t version) {
    auto made = std::make_shared<RouteTable>();
    made->version = version;
    made->closing.emplace_back().generation = kFirst;
    return made;
  }
  void turns() {
    for (int i = 0; i < 4; ++i) loop_.run_once(Millis{0});
  }
  void old_counted(std::uint64_t requests, std::uint64_t open) {
    ShardCounters counters;
    counters.requests = requests, counters.clients_open = open;
    old_->send(launch::encode(LinkCounters{encode(counters)}));
  }

  EventLoop loop_;
  OldWorker heard_;
  Idles idles_;
  std::unique_ptr<RelayPlane> plane_;
  FakePlane* own_ = nullptr;
  std::function<void(Generation, std::uint64_t)> own_idle_;
  std::unique_ptr<FramePeer> old_;
};

TEST_F(RelayPlaneTest, TheReplacedWorkerGetsEveryTable) {
  EXPECT_EQ(heard_.version, 1U);
  plane_->publish(table(2));
  turns();
  EXPECT_EQ(heard_.version, 2U);
  EXPECT_EQ(own_->table().version, 2U);
}

TEST_F(RelayPlaneTest, AGenerationIsIdleWhenItIsSoInBothOrTheOldOneIsGone) {
  own_idle_(kFirst, 1);
  EXPECT_TRUE(idles_.empty());
  old_->send(launch::encode(LinkIdle{1, 1}));
  turns();
  EXPECT_EQ(idles_, (Idles{{kFirst, 1}}));
}

TEST_F(RelayPlaneTest, ACutLinkIsNoSignOfIdlenessButTheEndOfTheProcessIs) {
  own_idle_(kFirst, 1);
  old_.reset();
  turns();
  EXPECT_TRUE(idles_.empty());
  plane_->gone(2);
  EXPECT_EQ(idles_, (Idles{{kFirst, 1}}));
}

TEST_F(RelayPlaneTest, WhatTheOldOneCountedStaysAndWhatItHadOpenDoesNot) {
  own_->counted.requests = 10;
  old_counted(5, 3);
  turns();
  EXPECT_EQ(plane_->counters().requests, 15U);
  EXPECT_EQ(plane_->counters().clients_open, 3U);
  old_counted(7, 1);  // its last words, unread when its end is known
  plane_->gone(2);
  EXPECT_EQ(plane_->counters().requests, 17U);
  EXPECT_EQ(plane_->counters().clients_open, 0U);
  EXPECT_EQ(plane_->old_workers(), 0U);
}

TEST_F(RelayPlaneTest, WhenTheOwnShardsDoNotAnswerNothingIsCertain) {
  own_->answers = false;
  EXPECT_FALSE(plane_->fresh_counters());
  own_->counted.requests = 10;
  EXPECT_EQ(plane_->counters().requests, 10U);  // what they published last
}

}  // namespace
}  // namespace sidestep::sidecar
