#include "lib/k8s/watch.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "lib/k8s/cache.h"
#include "tests/support/fake_clock.h"
#include "tests/support/fake_transport.h"

namespace sidestep::k8s {
namespace {
using namespace std::chrono_literals;

class DeafSink final : public WatchSink {
 public:
  void list_begins() override {}
  void listed(Json&&) override {}
  void list_ends() override {}
  void changed(Json&&) override {}
  void deleted(Json&&) override {}
};

TEST(TakeLine, LineWhoseFieldsAreOfAnotherKindIsNoException) {
  DeafSink sink;
  for (const char* line : {R"({"type":7,"object":{}})", R"({"type":"ADDED","object":{"metadata":7}})",
                           R"({"type":"ERROR","object":{"code":"410","message":{}}})",
                           R"({"type":"MODIFIED","object":{"metadata":{"resourceVersion":7}}})"})
    EXPECT_EQ(take_line(line, {}, sink).version, "") << line;
}

class WatchStepTest : public ::testing::Test {
 protected:
  void on(WatchEvent event, const std::string& version = {}) {
    state_ = next_watch(state_, event, version, now_, 0.999999, limits_);
  }
  void open() { on(WatchEvent::kListed, "5"), on(WatchEvent::kOpened); }

  TimePoint now_{};
  WatchLimits limits_;
  WatchState state_;
};

TEST_F(WatchStepTest, WatchesFromTheListsVersion) {
  EXPECT_EQ(state_.what, WatchDo::kList);
  on(WatchEvent::kListed, "5");
  EXPECT_EQ(state_.what, WatchDo::kWatch);
  EXPECT_EQ(state_.version, "5");
}

TEST_F(WatchStepTest, ResumesFromTheLastVersionHeard) {
  open();
  on(WatchEvent::kMoved, "8"), on(WatchEvent::kMoved, "9"), on(WatchEvent::kEnded);
  EXPECT_EQ(state_.what, WatchDo::kWatch);
  EXPECT_EQ(state_.version, "9");
}

TEST_F(WatchStepTest, ExpiredVersionIsForgottenAndListedAnew) {
  open();
  now_ += 10s;
  on(WatchEvent::kExpired);
  EXPECT_EQ(state_.what, WatchDo::kList);
  EXPECT_EQ(state_.version, "");
}

TEST_F(WatchStepTest, ListThatExpiresAtOnceAgainBacksOff) {
  open();
  on(WatchEvent::kExpired);
  open();
  on(WatchEvent::kExpired);
  EXPECT_EQ(state_.what, WatchDo::kWait);
  EXPECT_EQ(state_.after_wait, WatchDo::kList);
}

TEST_F(WatchStepTest, FailuresBackOffFromThe800MillisecondsTo30Seconds) {
  std::vector<Millis::rep> delays;
  for (int i = 0; i < 8; ++i) {
    on(WatchEvent::kFailed);
    EXPECT_EQ(state_.what, WatchDo::kWait);
    delays.push_back((state_.delay.count() + 1) / 100 * 100);
    on(WatchEvent::kWaited);
    EXPECT_EQ(state_.what, WatchDo::kList);
  }
  EXPECT_EQ(delays, (std::vector<Millis::rep>{800, 1600, 3200, 6400, 12800, 25600, 30000, 30000}));
}

TEST_F(WatchStepTest, FailureKeepsTheVersionToResumeFrom) {
  open();
  on(WatchEvent::kMoved, "8"), on(WatchEvent::kFailed), on(WatchEvent::kWaited);
  EXPECT_EQ(state_.what, WatchDo::kWatch);
  EXPECT_EQ(state_.version, "8");
}

TEST_F(WatchStepTest, StreamHealthyForTwoMinutesForgetsEarlierFailures) {
  state_.failures = 5;
  open();
  now_ += 119'999ms;
  on(WatchEvent::kMoved, "6");
  EXPECT_EQ(state_.failures, 5);
  now_ += 1ms;
  on(WatchEvent::kFailed);
  EXPECT_EQ(state_.failures, 1);
}

TEST_F(WatchStepTest, StreamsThatEndAtOnceInSilenceAreNotReopenedInAHurry) {
  open();
  now_ += 999ms;
  on(WatchEvent::kEnded);
  EXPECT_EQ(state_.what, WatchDo::kWait);
}

struct Thing {
  std::string color;
  bool operator==(const Thing&) const = default;
};

class WatcherTest : public ::testing::Test {
 protected:
  void run() {
    server_.when_done([this] { stop_.request_stop(); });
    watcher_.run(stop_.get_token());
  }
  static std::string event(const char* type, const char* name, const char* color, const char* version) {
    return std::string(R"({"type":")") + type + R"(","object":{"metadata":{"namespace":"n","name":")" + name +
           R"(","resourceVersion":")" + version + R"("},"color":")" + color + R"("}})";
  }
  static std::string list(const std::string& items, const char* version) {
    return R"({"metadata":{"resourceVersion":")" + std::string(version) + R"("},"items":[)" + items + "]}";
  }

  test::FakeTransport server_;
  test::FakeClock clock_;
  Client client_{server_, clock_, [](Millis) {}};
  std::vector<std::string> log_;
  Cache<Thing> cache_{
      [](const Json& object) { return std::optional(Thing{object.value("color", "")}); },
      [this](const std::string& key, const auto& before, const auto& after) {
        log_.push_back((before ? before->color : "-") + ">" + (after ? after->color : "-") + " " + key);
      }};
  WatchLimits limits_{.backoff = {.first = 1ms, .longest = 1ms, .factor = 1}};
  std::stop_source stop_;
  Watcher watcher_{client_, clock_, {{"v1", "things"}, "", ""}, {}, cache_, limits_};
};

TEST_F(WatcherTest, KeepsUpWithAddedModifiedDeletedAndIgnoresWhatStaysTheSame) {
  server_.answer(200, list(R"({"metadata":{"namespace":"n","name":"a"},"color":"red"})", "5"));
  server_.stream({.body = {},
                  .lines = {event("MODIFIED", "a", "red", "6"), event("ADDED", "b", "blue", "7"),
                            event("MODIFIED", "a", "green", "8"), event("DELETED", "b", "blue", "9"),
                            R"({"type":"BOOKMARK","object":{"metadata":{"resourceVersion":"20"}}})"}});
  run();
  EXPECT_EQ(log_, (std::vector<std::string>{"->red n/a", "->blue n/b", "red>green n/a", "blue>- n/b"}));
  EXPECT_NE(server_.requests.back().target.find("resourceVersion=20"), std::string::npos);
  EXPECT_NE(server_.requests.back().target.find("allowWatchBookmarks=true"), std::string::npos);
}

TEST_F(WatcherTest, DeletionMissedWhileDisconnectedShowsAtTheRelist) {
  server_.answer(200, list(R"({"metadata":{"namespace":"n","name":"a"},"color":"red"})", "5"));
  server_.stream({.body = {},
                  .lines = {R"({"type":"ERROR","object":{"kind":"Status","code":410,"reason":"Expired"}})"}});
  server_.answer(200, list("", "30"));
  run();
  EXPECT_EQ(log_, (std::vector<std::string>{"->red n/a", "red>- n/a"}));
  EXPECT_EQ(watcher_.relists(), 2u);
}

TEST_F(WatcherTest, GoneAsAStatusListsAnewToo) {
  server_.answer(200, list("", "5"));
  server_.stream({.status = 410, .body = R"({"message":"too old"})", .lines = {}});
  server_.answer(200, list("", "30"));
  run();
  EXPECT_NE(server_.requests.back().target.find("resourceVersion=30"), std::string::npos);
}

TEST_F(WatcherTest, BrokenLineBacksOffAndResumesWithoutAList) {
  server_.answer(200, list("", "5"));
  server_.stream({.lines = {event("ADDED", "a", "red", "6"), R"({"type":"ADDED","obj)"}});
  run();
  EXPECT_EQ(watcher_.relists(), 1u);
  EXPECT_NE(server_.requests.back().target.find("resourceVersion=6"), std::string::npos);
}

TEST_F(WatcherTest, NotHealthyWhenNothingWasHeardForLongerThanAWatchLives) {
  server_.answer(200, list("", "5"));
  run();
  EXPECT_TRUE(watcher_.is_synced());
  clock_.advance(349s);
  EXPECT_TRUE(watcher_.is_healthy(clock_.steady()));
  clock_.advance(1s);
  EXPECT_FALSE(watcher_.is_healthy(clock_.steady()));
}

TEST(KeyOf, ObjectWithOddMetadataHasTheNameThatCanBeReadAndIsNoException) {
  EXPECT_EQ(key_of(Json::parse(R"({"metadata": {"namespace": "n", "name": "a"}})")), "n/a");
  EXPECT_EQ(key_of(Json::parse(R"({"metadata": {"namespace": null, "name": "a"}})")), "a");
  for (const char* odd :
       {"{}", "[]", "null", R"({"metadata": null})", R"({"metadata": {"namespace": 7, "name": {}}})"})
    EXPECT_EQ(key_of(Json::parse(odd)), "") << odd;
}

TEST_F(WatcherTest, AnswerThatIsNoListForgetsNothing) {
  const std::string red = R"({"metadata":{"namespace":"n","name":"a"},"color":"red"})";
  server_.answer(200, list(red, "5"));
  server_.stream({.status = 410, .body = "{}"});
  server_.answer(200, R"({"kind":"Status","apiVersion":"v1","metadata":{},"status":"Success"})");
  server_.answer(200, list(red, "9"));
  run();
  EXPECT_EQ(log_, std::vector<std::string>{"->red n/a"});
  EXPECT_NE(server_.requests.back().target.find("resourceVersion=9"), std::string::npos);
}

}  // namespace
}  // namespace sidestep::k8s
