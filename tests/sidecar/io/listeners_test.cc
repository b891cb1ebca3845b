// Where listeners come from, on real sockets of this process and with a clock moved by hand.
#include "sidecar/io/listeners.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

namespace sidestep::sidecar {
namespace {

using namespace std::chrono_literals;

class ListenersTest : public ::testing::Test {
 protected:
  struct HandClock final : Clock {
    TimePoint steady() const override { return now; }
    WallTime wall() const override { return {}; }
    TimePoint now{1h};
  };

  void start(std::vector<ListenAddress> wanted, std::vector<std::pair<std::string, UniqueFd>> kept = {}) {
    claim_.emplace(loop_, std::move(wanted));
    claim_->start(std::move(kept), [this](auto result) { result_ = std::move(result); });
  }
  void after(Millis delay) {
    clock_.now += delay;
    loop_.run_once(0ms);
  }
  static std::vector<std::pair<std::string, UniqueFd>> named(const std::string& name, UniqueFd fd) {
    std::vector<std::pair<std::string, UniqueFd>> all;
    all.emplace_back(name, std::move(fd));
    return all;
  }

  HandClock clock_;
  EventLoop loop_{clock_};
  std::optional<ListenerClaim> claim_;
  std::optional<Result<std::vector<NamedFd>>> result_;
  // Somebody who listens already: another program, or a launcher's duplicate.
  UniqueFd taken_ = std::move(*listen_tcp("127.0.0.1", 0));
  const ListenAddress address_{"127.0.0.1", local_port(taken_.get())};
};

TEST_F(ListenersTest, AFreeAddressIsBoundAtOnce) {
  start({{"127.0.0.1", 0}, {"::1", 0}});
  ASSERT_TRUE(result_ && *result_);
  EXPECT_EQ(result_->value()[0].name, "listen 127.0.0.1:0");
  EXPECT_EQ(result_->value()[1].name, "listen [::1]:0");
}

TEST_F(ListenersTest, IPv6AloneLeavesThePortToIPv4AndDualStackDoesNot) {
  const std::uint16_t port = address_.port;
  start({{"::", port, true}});
  ASSERT_TRUE(result_ && *result_);
  EXPECT_EQ(result_->value()[0].name, "listen ipv6 [::]:" + std::to_string(port));
  result_.reset();
  start({{"::", port}});
  EXPECT_FALSE(result_);  // waits: 127.0.0.1 has the port
}

TEST_F(ListenersTest, ADualStackListenerIsNotTakenForOneOfIPv6Alone) {
  UniqueFd dual = std::move(*listen_tcp("::", 0));
  const ListenAddress wanted{"::", local_port(dual.get()), true};
  start({wanted}, named(listener_name(wanted), std::move(dual)));
  EXPECT_FALSE(result_);
}

TEST_F(ListenersTest, AUnixSocketIsBoundAndHandedOverLikeAPort) {
  const ListenAddress wanted{"", 0, false, ::testing::TempDir() + "listen." + std::to_string(getpid())};
  start({wanted});
  ASSERT_TRUE(result_ && *result_);
  EXPECT_EQ(result_->value()[0].name, "listen unix:" + wanted.path);
  UniqueFd held = std::move(result_->value()[0].fd);
  result_.reset();
  start({wanted});
  EXPECT_FALSE(result_);  // somebody listens: waits for a launcher that holds it
  after(800ms);
  ASSERT_TRUE(result_ && !*result_);
  EXPECT_NE(result_->error().detail.find("the socket is taken; stop it"), std::string::npos);
  start({wanted}, named("listen unix:" + wanted.path, std::move(held)));
  EXPECT_TRUE(result_ && *result_);
  unlink(wanted.path.c_str());
}

TEST_F(ListenersTest, WhatTheParentHoldsIsUsed) {
  const int number = taken_.get();
  start({address_}, named(listener_name(address_), std::move(taken_)));
  ASSERT_TRUE(result_ && *result_);
  EXPECT_EQ(result_->value()[0].fd.get(), number);
}

TEST_F(ListenersTest, ATakenPortWaitsForALauncherThatHoldsIt) {
  start({address_});
  after(600ms);
  EXPECT_FALSE(result_);
  std::vector<NamedFd> offered;
  offered.push_back({listener_name(address_), duplicate(taken_.get())});
  claim_->offer(offered);
  ASSERT_TRUE(result_ && *result_);
  EXPECT_EQ(local_port(result_->value()[0].fd.get()), address_.port);
}

TEST_F(ListenersTest, APortThatBecomesFreeIsBound) {
  start({address_});
  taken_.reset();
  after(44ms);
  EXPECT_TRUE(result_ && *result_);
}

TEST_F(ListenersTest, APortThatStaysTakenIsAnErrorThatNamesItsOwner) {
  start({address_});
  for (int i = 0; i < 20 && !result_; ++i) after(44ms);
  ASSERT_TRUE(result_);
  ASSERT_FALSE(*result_);
  EXPECT_EQ(result_->error().kind, ErrorKind::kConflict);
  EXPECT_THAT(result_->error().detail, testing::HasSubstr("127.0.0.1:" + std::to_string(address_.port)));
  EXPECT_THAT(result_->error().detail, testing::HasSubstr("process " + std::to_string(getpid())));
}

TEST_F(ListenersTest, AnOfferThatListensSomewhereElseIsNotTaken) {
  start({address_});
  std::vector<NamedFd> offered;
  offered.push_back({listener_name(address_), std::move(*listen_tcp("127.0.0.1", 0))});
  offered.push_back({listener_name(address_), std::move(*connect_tcp("127.0.0.1", address_.port))});
  claim_->offer(offered);
  EXPECT_FALSE(result_);
}

TEST_F(ListenersTest, AnAddressThatIsNotOursIsAnErrorAtOnce) {
  start({{"198.18.255.254", 80}});
  ASSERT_TRUE(result_);
  ASSERT_FALSE(*result_);
  EXPECT_THAT(result_->error().detail, testing::HasSubstr("198.18.255.254:80"));
}

}  // namespace
}  // namespace sidestep::sidecar
