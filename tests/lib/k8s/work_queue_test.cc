#include "lib/k8s/work_queue.h"

#include <gtest/gtest.h>

#include <thread>

namespace sidestep::k8s {
namespace {
using namespace std::chrono_literals;

class WorkQueueTest : public ::testing::Test {
 protected:
  std::string take() { return queue_.take(now_).value_or("-"); }

  TimePoint now_ = TimePoint{} + 1h;
  QueueCore queue_{{.retries_per_second = 10, .retry_burst = 3}};
};

TEST_F(WorkQueueTest, NamesComeOnceAndInOrder) {
  queue_.add("b", now_), queue_.add("a", now_), queue_.add("b", now_);
  EXPECT_EQ(take(), "b");
  EXPECT_EQ(take(), "a");
  EXPECT_EQ(take(), "-");
}

TEST_F(WorkQueueTest, NameAddedWhileWorkedOnComesOnceMoreAfterwards) {
  queue_.add("a", now_);
  EXPECT_EQ(take(), "a");
  queue_.add("a", now_), queue_.add("a", now_);
  EXPECT_EQ(take(), "-");
  queue_.done("a", now_);
  EXPECT_EQ(take(), "a");
  queue_.done("a", now_);
  EXPECT_EQ(take(), "-");
}

TEST_F(WorkQueueTest, DelayedNameComesWhenDueAndTheEarlierTimeCounts) {
  queue_.add_at("a", now_ + 10s), queue_.add_at("a", now_ + 5s), queue_.add_at("a", now_ + 7s);
  EXPECT_EQ(queue_.next_due(), now_ + 5s);
  now_ += 4999ms;
  EXPECT_EQ(take(), "-");
  now_ += 1ms;
  EXPECT_EQ(take(), "a");
  EXPECT_EQ(queue_.next_due(), std::nullopt);
}

TEST_F(WorkQueueTest, DelayedNameThatBecomesDueWhileWorkedOnIsNotLost) {
  queue_.add("a", now_);
  EXPECT_EQ(take(), "a");
  queue_.add_at("a", now_ + 1s);
  now_ += 2s;
  EXPECT_EQ(take(), "-");
  queue_.done("a", now_);
  EXPECT_EQ(take(), "a");
}

TEST_F(WorkQueueTest, RetriesBackOffPerNameAndForgettingStartsAnew) {
  QueueCore queue({.retries_per_second = 1000, .retry_burst = 1000});
  std::vector<Millis> delays;
  for (int i = 0; i < 4; ++i) {
    queue.retry("a", now_);
    delays.push_back(std::chrono::duration_cast<Millis>(*queue.next_due() - now_));
    now_ = *queue.next_due();
    EXPECT_EQ(queue.take(now_), "a");
    queue.done("a", now_);
    if (i == 2) queue.forget("a");
  }
  EXPECT_EQ(delays, (std::vector<Millis>{5ms, 10ms, 20ms, 5ms}));
}

TEST_F(WorkQueueTest, RetryNeverWaitsLongerThanTheLimit) {
  for (int i = 0; i < 60; ++i) {
    queue_.retry("a", now_);
    now_ = *queue_.next_due();
    EXPECT_EQ(take(), "a");
    queue_.done("a", now_);
  }
  queue_.retry("a", now_);
  EXPECT_EQ(queue_.next_due(), now_ + 1'000'000ms);
}

TEST_F(WorkQueueTest, BucketBoundsRetriesOfAllNamesTogether) {
  for (const char* name : {"a", "b", "c", "d"}) queue_.retry(name, now_);
  now_ += 5ms;
  EXPECT_EQ(take(), "a");
  EXPECT_EQ(take(), "b");
  EXPECT_EQ(take(), "c");
  EXPECT_EQ(take(), "-");
  now_ += 96ms;
  EXPECT_EQ(take(), "d");
}

TEST_F(WorkQueueTest, PatientNamesLetOthersPassButNotForEver) {
  for (const char* name : {"p1", "p2"}) queue_.set_urgency(name, Urgency::kPatient), queue_.add(name, now_);
  for (int i = 0; i <= QueueCore::kMostAhead; ++i) queue_.add("a" + std::to_string(i), now_);
  std::vector<std::string> order;
  for (std::string name = take(); name != "-"; name = take()) order.push_back(name), queue_.done(name, now_);
  ASSERT_EQ(order.size(), QueueCore::kMostAhead + 3u);
  EXPECT_EQ(order[QueueCore::kMostAhead], "p1");
  EXPECT_EQ(order.back(), "p2");
  queue_.set_urgency("p1", Urgency::kNormal);
  queue_.add("p2", now_), queue_.add("p1", now_);
  EXPECT_EQ(take(), "p1");
}

TEST_F(WorkQueueTest, PatientNameThatBecomesDueLetsOthersPassToo) {
  queue_.set_urgency("p", Urgency::kPatient);
  queue_.add_at("p", now_ + 1s);
  now_ += 2s;
  queue_.add("a", now_);
  EXPECT_EQ(take(), "a");
  EXPECT_EQ(take(), "p");
}

TEST_F(WorkQueueTest, UrgentNamesGoFirst) {
  queue_.add("a", now_);
  queue_.set_urgency("u", Urgency::kUrgent);
  queue_.add("u", now_);
  EXPECT_EQ(take(), "u");
  queue_.set_urgency("u", Urgency::kNormal);
  queue_.done("u", now_);
  queue_.add("u", now_);
  EXPECT_EQ(take(), "a");
}

TEST(WorkQueue, WaitingWorkerIsWokenByAnAddAndByAStop) {
  WorkQueue queue(system_clock());
  std::stop_source stop;
  std::vector<std::string> got;
  std::thread worker([&] {
    while (auto name = queue.take(stop.get_token())) {
      got.push_back(*name);
      queue.done(*name);
      stop.request_stop();
    }
  });
  queue.add("a");
  worker.join();
  EXPECT_EQ(got, std::vector<std::string>{"a"});
}

}  // namespace
}  // namespace sidestep::k8s
