// The loop on real descriptors (pipes and socket pairs of this process); no waiting but for what is already
// there.
#include "lib/loop/event_loop.h"

#include <gtest/gtest.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <thread>

namespace sidestep {
namespace {

using namespace std::chrono_literals;

struct Recorder final : IoHandler {
  explicit Recorder(std::function<void()> action = {}) : act(std::move(action)) {}
  void on_io(std::uint32_t events) override {
    seen |= events;
    ++calls;
    if (act) act();
  }
  std::function<void()> act;
  std::uint32_t seen = 0;
  int calls = 0;
};

class EventLoopTest : public ::testing::Test {
 protected:
  struct Pair {
    UniqueFd ours, theirs;
  };
  static Pair readable_pair() {
    auto pair = socket_pair(SOCK_STREAM);
    EXPECT_EQ(write(pair->second.get(), "x", 1), 1);
    return {std::move(pair->first), std::move(pair->second)};
  }
  void turn() { loop_.run_once(0ms); }

  EventLoop loop_;
};

TEST_F(EventLoopTest, ReportsAReadableDescriptorEachTurnUntilItIsRead) {
  Pair pair = readable_pair();
  Recorder reader;
  ASSERT_TRUE(loop_.add(pair.ours.get(), EPOLLIN, &reader));
  turn(), turn();
  EXPECT_EQ(reader.calls, 2);
  EXPECT_EQ(reader.seen, static_cast<std::uint32_t>(EPOLLIN));
  loop_.remove(pair.ours.get());
}

TEST_F(EventLoopTest, NoDescriptorIsRefusedAndCostsTheOthersNothing) {
  Pair pair = readable_pair();
  Recorder reader, none;
  ASSERT_TRUE(loop_.add(pair.ours.get(), EPOLLIN, &reader));
  EXPECT_FALSE(loop_.add(-1, EPOLLIN, &none));
  turn();
  EXPECT_EQ(reader.calls, 1);
}

TEST_F(EventLoopTest, DroppedInterestIsNotReported) {
  Pair pair = readable_pair();
  Recorder reader;
  ASSERT_TRUE(loop_.add(pair.ours.get(), EPOLLIN, &reader));
  loop_.modify(pair.ours.get(), 0);
  turn();
  EXPECT_EQ(reader.calls, 0);
}

TEST_F(EventLoopTest, WhatGoesFirstIsReportedBeforeTheRestOfItsTurn) {
  std::string order;
  Recorder after([&] { order += 'a'; }), first([&] { order += 'f'; });
  const Pair one = readable_pair(), two = readable_pair(), three = readable_pair();
  loop_.add(one.ours.get(), EPOLLIN, &after);
  loop_.add(two.ours.get(), EPOLLIN, &first, Order::kFirst);
  loop_.add(three.ours.get(), EPOLLIN, &after);
  turn();
  EXPECT_EQ(order, "faa");
  loop_.modify(two.ours.get(), EPOLLIN | EPOLLOUT);
  turn();
  EXPECT_EQ(order, "faafaa");
  for (const Pair* pair : {&one, &two, &three}) loop_.remove(pair->ours.get());
}

TEST_F(EventLoopTest, HandlerRemovedByAnotherInTheSameTurnIsNotCalled) {
  Pair one = readable_pair(), two = readable_pair();
  Recorder first, second;
  first.act = [&] { loop_.remove(two.ours.get()); };
  second.act = [&] { loop_.remove(one.ours.get()); };
  ASSERT_TRUE(loop_.add(one.ours.get(), EPOLLIN, &first));
  ASSERT_TRUE(loop_.add(two.ours.get(), EPOLLIN, &second));
  turn();
  EXPECT_EQ(first.calls + second.calls, 1);
}

TEST_F(EventLoopTest, AnEventOfAClosedDescriptorIsNotGivenToTheNextUserOfItsNumber) {
  Pair one = readable_pair(), two = readable_pair(), quiet = readable_pair();
  Recorder heir;
  bool is_done = false;
  const auto replace = [&](Pair& victim) {
    if (std::exchange(is_done, true)) return;
    const int number = victim.ours.get();
    loop_.remove(number);
    victim.ours.reset();
    auto fresh = socket_pair(SOCK_STREAM);  // takes the number that was just freed
    ASSERT_EQ(fresh->first.get(), number);
    victim = {std::move(fresh->first), std::move(fresh->second)};
    ASSERT_TRUE(loop_.add(number, EPOLLIN, &heir));
  };
  Recorder first([&] { replace(two); }), second([&] { replace(one); });
  ASSERT_TRUE(loop_.add(one.ours.get(), EPOLLIN, &first));
  ASSERT_TRUE(loop_.add(two.ours.get(), EPOLLIN, &second));
  turn();
  EXPECT_TRUE(is_done);
  EXPECT_EQ(heir.calls, 0);
}

TEST_F(EventLoopTest, PostedFunctionsRunInOrderAndTogether) {
  std::vector<int> order;
  for (int i = 0; i < 3; ++i) loop_.post([&order, i] { order.push_back(i); });
  turn();
  EXPECT_EQ(order, (std::vector{0, 1, 2}));
}

TEST_F(EventLoopTest, AFunctionPostedByAPostedFunctionRunsInTheNextTurn) {
  int calls = 0;
  loop_.post([&] { loop_.post([&] { ++calls; }); });
  turn();
  EXPECT_EQ(calls, 0);
  turn();
  EXPECT_EQ(calls, 1);
}

TEST_F(EventLoopTest, AnotherThreadEndsARunningLoop) {
  std::thread other([&] { loop_.post([&] { loop_.stop(); }); });
  loop_.run();
  other.join();
}

TEST_F(EventLoopTest, ATimerEndsTheWait) {
  FunctionTimer timer([&] { loop_.stop(); });
  loop_.arm(timer, 5ms);
  loop_.run();
  EXPECT_FALSE(timer.is_armed());
}

TEST_F(EventLoopTest, ObjectsDestroyedLaterLiveUntilTheTurnEnds) {
  struct Mark final : Deletable {
    explicit Mark(bool& f) : flag(f) {}
    ~Mark() override { flag = true; }
    bool& flag;
  };
  bool is_gone = false, was_gone_at_turn_end = false;
  loop_.set_turn_end([&] { was_gone_at_turn_end = is_gone; });
  loop_.post([&] { loop_.destroy_later(std::make_unique<Mark>(is_gone)); });
  turn();
  EXPECT_TRUE(is_gone);
  EXPECT_FALSE(was_gone_at_turn_end);
}

}  // namespace
}  // namespace sidestep
