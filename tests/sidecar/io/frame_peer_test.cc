// A connection that speaks in frames, at rest while another process may have it.
#include "sidecar/io/frame_peer.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include "sidecar/io/worker_state.h"

namespace sidestep::sidecar {
namespace {

struct Side final : FramePeer::Owner {
  void on_frame(FramePeer&, const launch::Frame& frame) override {
    heard.push_back(launch::decode<LinkSuspect>(frame)->generation);
  }
  void on_closed(FramePeer&) override { is_closed = true; }
  std::vector<std::uint64_t> heard;
  bool is_closed = false;
};

std::string word(std::uint64_t number) { return launch::encode(LinkSuspect{number}); }

class FramePeerTest : public ::testing::Test {
 protected:
  FramePeerTest() {
    auto pair = socket_pair(SOCK_STREAM);
    peer_ = std::make_unique<FramePeer>(loop_, std::move(pair->first), ours_);
    other_ = std::make_unique<FramePeer>(loop_, std::move(pair->second), theirs_);
  }
  void turns() {
    for (int i = 0; i < 4; ++i) loop_.run_once(Millis{0});
  }

  EventLoop loop_;
  Side ours_, theirs_;
  std::unique_ptr<FramePeer> peer_, other_;
};

TEST_F(FramePeerTest, PausedItReadsAndWritesNothingAndThenEverythingInOrder) {
  peer_->pause();
  other_->send(word(1));
  other_->send(word(2));
  peer_->send(word(3));
  turns();
  EXPECT_TRUE(ours_.heard.empty());
  EXPECT_TRUE(theirs_.heard.empty());
  peer_->resume();
  peer_->send(word(4));
  turns();
  EXPECT_EQ(ours_.heard, (std::vector<std::uint64_t>{1, 2}));
  EXPECT_EQ(theirs_.heard, (std::vector<std::uint64_t>{3, 4}));
}

TEST_F(FramePeerTest, PausedItDoesNotNoticeAHangUpUntilItGoesOn) {
  peer_->pause();
  other_.reset();
  turns();
  EXPECT_FALSE(ours_.is_closed);
  peer_->resume();
  turns();
  EXPECT_TRUE(ours_.is_closed);
}

TEST_F(FramePeerTest, AnotherPeerGoesOnWithWhatWasHalfReadAndNotSent) {
  other_->send(word(1).substr(0, 5));
  turns();
  peer_->pause();
  peer_->send(word(2));
  ASSERT_TRUE(peer_->can_move());
  FramePeer::Moved moved = peer_->copy();
  peer_->forget();
  turns();
  EXPECT_FALSE(theirs_.is_closed);  // the duplicate holds the connection
  EXPECT_TRUE(theirs_.heard.empty());
  Side next_owner;
  FramePeer next(loop_, std::move(moved.socket), next_owner);
  next.go_on(std::move(moved.unread), std::move(moved.unsent));
  other_->send(word(1).substr(5));
  turns();
  EXPECT_EQ(next_owner.heard, (std::vector<std::uint64_t>{1}));
  EXPECT_EQ(theirs_.heard, (std::vector<std::uint64_t>{2}));
}

}  // namespace
}  // namespace sidestep::sidecar
