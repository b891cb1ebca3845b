#include "sidecar/io/parent_link.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

namespace sidestep::sidecar {
namespace {

class ParentLinkTest : public ::testing::Test {
 protected:
  ParentLinkTest() {
    auto pair = std::move(*socket_pair(SOCK_SEQPACKET));
    parent_ = std::move(pair.first);
    link_.emplace(std::move(pair.second));
  }
  std::string next() {
    FdMessage message;
    if (receive_fd_message(parent_.get(), message) != Receive::kMessage) return {};
    last_fd_ = std::move(message.fd);
    return message.text;
  }

  UniqueFd parent_;
  std::optional<ParentLink> link_;
  UniqueFd last_fd_;
};

TEST_F(ParentLinkTest, WhatTheParentHoldsArrivesBeforeTheStart) {
  const auto listener = listen_tcp("127.0.0.1", 0);
  send_fd_message(parent_.get(), "fd listen a", listener->get());
  send_fd_message(parent_.get(), "start restarts=3 launcher=new");
  const auto start = link_->receive_start();
  ASSERT_TRUE(start);
  ASSERT_EQ(start->kept.size(), 1U);
  EXPECT_EQ(start->kept[0].first, "listen a");
  EXPECT_EQ(local_port(start->kept[0].second.get()), local_port(listener->get()));
  EXPECT_EQ(start->restarts, 3);
  EXPECT_TRUE(start->launcher_is_new);
}

TEST_F(ParentLinkTest, AnAdoptedLauncherIsNotNew) {
  send_fd_message(parent_.get(), "start restarts=0 launcher=old");
  EXPECT_FALSE(link_->receive_start()->launcher_is_new);
}

TEST_F(ParentLinkTest, AParentThatIsGoneIsAnError) {
  parent_.reset();
  EXPECT_FALSE(link_->receive_start());
}

TEST_F(ParentLinkTest, WhatIsKeptIsADuplicateWithItsName) {
  const auto listener = listen_tcp("127.0.0.1", 0);
  link_->keep("listen a", listener->get());
  EXPECT_EQ(next(), "keep listen a");
  EXPECT_EQ(local_port(last_fd_.get()), local_port(listener->get()));
  link_->drop("listen a");
  EXPECT_EQ(next(), "drop listen a");
  link_->ready();
  EXPECT_EQ(next(), "ready");
}

TEST(ParentLinkAloneTest, WithoutAParentNothingIsKeptAndNothingFails) {
  ParentLink alone;
  alone.keep("x", 0);
  alone.ready();
  EXPECT_TRUE(alone.receive_start());
}

}  // namespace
}  // namespace sidestep::sidecar
