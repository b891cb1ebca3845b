#include "sidecar/io/parked_clients.h"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <vector>

#include <gtest/gtest.h>

namespace sidestep::sidecar {
namespace {

struct NoHandler final : IoHandler {
  void on_io(std::uint32_t) override { ADD_FAILURE() << "handed over, and still called"; }
};

class ParkedClientsTest : public testing::Test {
 protected:
  // The other end of a client whose descriptor the loop has.
  UniqueFd park(std::uint16_t port, Millis silent_for = Millis{0}) {
    int pair[2];
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
    SilentClient client;
    client.fd = UniqueFd(pair[0]);
    client.peer.port = port;
    client.listener = 3;
    client.requests = 7;
    client.since = loop_.now() - silent_for;
    loop_.add(pair[0], EPOLLIN, &before_);
    parked_.add(std::move(client));
    return UniqueFd(pair[1]);
  }

  // Whether the connection's other end was closed.
  static bool is_closed(const UniqueFd& end) {
    char byte = 0;
    return ::recv(end.get(), &byte, 1, MSG_DONTWAIT) == 0;
  }

  EventLoop loop_;
  NoHandler before_;
  std::vector<std::pair<SilentClient, std::uint32_t>> spoke_;
  std::vector<std::uint16_t> closed_;
  ParkedClients parked_{loop_,
                        {[this](SilentClient client, std::uint32_t events) {
                           loop_.remove(client.fd.get());
                           spoke_.emplace_back(std::move(client), events);
                         },
                         [this](const PeerAddress& peer) { closed_.push_back(peer.port); }}};
};

TEST_F(ParkedClientsTest, OneThatSpeaksComesBackAsItWas) {
  const UniqueFd first = park(1);
  const UniqueFd second = park(2);
  ASSERT_EQ(write(second.get(), "x", 1), 1);
  loop_.run_once(Millis{1'000});
  ASSERT_EQ(spoke_.size(), 1U);
  EXPECT_EQ(spoke_[0].first.peer.port, 2);
  EXPECT_EQ(spoke_[0].first.listener, 3);
  EXPECT_EQ(spoke_[0].first.requests, 7U);
  EXPECT_EQ(spoke_[0].second, static_cast<std::uint32_t>(EPOLLIN));
  EXPECT_EQ(parked_.size(), 1U);
  EXPECT_TRUE(closed_.empty());
}

TEST_F(ParkedClientsTest, OneThatLeavesComesBackToo) {
  park(1);
  loop_.run_once(Millis{1'000});
  ASSERT_EQ(spoke_.size(), 1U);
  EXPECT_NE(spoke_[0].second & EPOLLHUP, 0U);
  EXPECT_EQ(parked_.size(), 0U);
}

TEST_F(ParkedClientsTest, TheLongestSilentAreClosedFirst) {
  std::vector<UniqueFd> ends;
  for (std::uint16_t port = 0; port < 5; ++port) ends.push_back(park(port, Millis{500 - 100 * port}));
  EXPECT_EQ(parked_.close_silent(loop_.now() - Millis{300}, 2), 2U);
  EXPECT_EQ(closed_, (std::vector<std::uint16_t>{0, 1}));
  EXPECT_EQ(parked_.close_silent(loop_.now() - Millis{300}, 9), 1U);
  EXPECT_EQ(closed_, (std::vector<std::uint16_t>{0, 1, 2}));
  EXPECT_TRUE(is_closed(ends[2]));
  EXPECT_FALSE(is_closed(ends[3]));
  parked_.close_all();
  EXPECT_EQ(closed_.size(), 5U);
  EXPECT_EQ(parked_.size(), 0U);
}

// Places are used again, in the middle of the list too, over more than one slab.
TEST_F(ParkedClientsTest, ManyComeAndGo) {
  std::vector<UniqueFd> ends;
  for (std::uint16_t port = 0; port < 400; ++port) ends.push_back(park(port));
  for (std::size_t i = 0; i < ends.size(); i += 2) ASSERT_EQ(write(ends[i].get(), "x", 1), 1);
  for (int turn = 0; turn < 10 && spoke_.size() < 200; ++turn) loop_.run_once(Millis{0});
  EXPECT_EQ(spoke_.size(), 200U);
  for (std::uint16_t port = 400; port < 500; ++port) ends.push_back(park(port));
  EXPECT_EQ(parked_.size(), 300U);
  parked_.close_all();
  ASSERT_EQ(closed_.size(), 300U);
  for (std::size_t i = 0; i < 200; ++i) EXPECT_EQ(closed_[i], 2 * i + 1);
  EXPECT_EQ(closed_[200], 400);
}

}  // namespace
}  // namespace sidestep::sidecar
