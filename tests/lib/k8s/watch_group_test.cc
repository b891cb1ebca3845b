// The group on its own thread, over exchanges that a test answers.
#include "lib/k8s/watch_group.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <condition_variable>
#include <map>
#include <mutex>
#include <nlohmann/json.hpp>

#include "tests/support/fake_transport.h"

namespace sidestep::k8s {
namespace {
using namespace std::chrono_literals;

// Lists have the object or nothing; watches stay open. What a test asks for happens in turn(), as it must.
class FakeExchanges final : public Exchanges {
 public:
  Id begin(const Request& request, LineSink lines, Done done) override {
    const std::lock_guard lock(mutex_);
    open_[++last_] = {request.target, std::move(lines), std::move(done)};
    most_lists_ = std::max(most_lists_, lists());
    changed_.notify_all();
    return last_;
  }
  void end(Id id) override {
    const std::lock_guard lock(mutex_);
    open_.erase(id);
    changed_.notify_all();
  }
  void turn(Millis longest) override {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, longest, [this] { return woken_ || !todo_.empty(); });
    woken_ = false;
    auto todo = std::exchange(todo_, {});
    lock.unlock();
    for (const auto& each : todo) each();
    lock.lock();
    changed_.notify_all();
  }
  void wake() override {
    const std::lock_guard lock(mutex_);
    woken_ = true;
    changed_.notify_all();
  }

  // Of the test. Each waits until such an exchange is under way, and until its answer was taken.
  void answer(const std::string& part, Response response) {
    perform(
        part, [response](Open& open) { open.done(response); }, true);
  }
  void say(const std::string& part, std::string line) {
    perform(
        part, [line](Open& open) { open.lines(line); }, false);
  }
  bool wait_for(const std::string& part, std::size_t count = 1) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, 10s, [&] { return matching(part) >= count; });
  }
  std::size_t most_lists() {
    const std::lock_guard lock(mutex_);
    return most_lists_;
  }
  std::string target(const std::string& part) {
    const std::lock_guard lock(mutex_);
    for (const auto& [id, open] : open_)
      if (open.target.find(part) != std::string::npos) return open.target;
    return "";
  }

 private:
  struct Open {
    std::string target;
    LineSink lines;
    Done done;
  };
  std::size_t matching(const std::string& part) const {
    return static_cast<std::size_t>(std::count_if(open_.begin(), open_.end(), [&](const auto& each) {
      return each.second.target.find(part) != std::string::npos;
    }));
  }
  std::size_t lists() const { return open_.size() - matching("watch=true"); }
  void perform(const std::string& part, std::function<void(Open&)> what, bool is_end) {
    ASSERT_TRUE(wait_for(part)) << "nothing asks for " << part;
    std::unique_lock lock(mutex_);
    const auto found = std::find_if(open_.begin(), open_.end(), [&](const auto& each) {
      return each.second.target.find(part) != std::string::npos;
    });
    auto open = std::make_shared<Open>(found->second);
    if (is_end) open_.erase(found);
    bool done = false;
    todo_.push_back([this, open, what, &done] {
      what(*open);
      const std::lock_guard again(mutex_);
      done = true;
    });
    changed_.notify_all();
    EXPECT_TRUE(changed_.wait_for(lock, 10s, [&] { return done; }));
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  bool woken_ = false;
  std::size_t most_lists_ = 0;
  Id last_ = 0;
  std::map<Id, Open> open_;
  std::vector<std::function<void()>> todo_;
};

// Remembers what it is told, in one line.
class Sink final : public WatchSink {
 public:
  void list_begins() override { add("["); }
  void listed(Json&& object) override { add("=" + name(object)); }
  void list_ends() override { add("]"); }
  void changed(Json&& object) override { add("+" + name(object)); }
  void deleted(Json&& object) override { add("-" + name(object)); }
  std::string told() {
    const std::lock_guard lock(mutex_);
    return told_;
  }

 private:
  static std::string name(const Json& object) { return object["metadata"].value("name", "?"); }
  void add(const std::string& text) {
    const std::lock_guard lock(mutex_);
    told_ += text;
  }
  std::mutex mutex_;
  std::string told_;
};

class WatchGroupTest : public ::testing::Test {
 protected:
  std::unique_ptr<GroupWatch> add(const std::string& name, WatchSink& sink) {
    return group_->add({{"v1", "configmaps"}, "a", ""},
                       {.field_selector = "metadata.name=" + name, .page = 1}, sink);
  }
  static std::string named(const std::string& name) { return "metadata.name%3D" + name; }
  static std::string watch_of(const std::string& version) {
    return "watch=true&resourceVersion=" + version + "&";
  }
  static Response list(const std::string& items, const std::string& version) {
    return {200, {}, R"({"metadata":{"resourceVersion":")" + version + R"("},"items":[)" + items + "]}"};
  }
  static std::string event(const std::string& type, const std::string& version) {
    return R"({"type":")" + type + R"(","object":{"metadata":{"name":"c","resourceVersion":")" + version +
           R"("}}})";
  }

  test::FakeTransport unused_;
  Client client_{unused_, system_clock(), [](Millis) {}};
  FakeExchanges* exchanges_ = nullptr;  // the group's
  std::unique_ptr<WatchGroup> group_;

 private:
  void SetUp() override {
    WatchLimits limits;
    limits.backoff = {.first = 1ms, .longest = 2ms, .factor = 2.0};
    auto made = std::make_unique<FakeExchanges>();
    exchanges_ = made.get();
    group_ = std::make_unique<WatchGroup>(std::move(made), client_, system_clock(), limits);
  }
};

TEST_F(WatchGroupTest, ListsThenWatchesFromThatVersionAndResumesFromTheLastHeard) {
  Sink sink;
  const auto watch = add("c", sink);
  EXPECT_FALSE(watch->is_synced());
  exchanges_->answer(named("c"), list(R"({"metadata":{"name":"c"}})", "5"));
  EXPECT_TRUE(watch->is_synced());
  EXPECT_EQ(sink.told(), "[=c]");
  exchanges_->say(watch_of("5"), event("MODIFIED", "7"));
  exchanges_->answer(watch_of("5"), {200, {}, ""});
  exchanges_->say(watch_of("7"), event("DELETED", "9"));
  EXPECT_EQ(sink.told(), "[=c]+c-c");
  EXPECT_EQ(exchanges_->target("watch=true").find("allowWatchBookmarks"), std::string::npos);
}

TEST_F(WatchGroupTest, ExpiredVersionIsListedAnewAndAFailureIsTriedAgain) {
  Sink sink;
  const auto watch = add("c", sink);
  exchanges_->answer(named("c"), {403, {}, R"({"message":"no right"})"});
  EXPECT_EQ(watch->trouble()->kind, ErrorKind::kRefused);
  exchanges_->answer(named("c"), list("", "5"));
  EXPECT_EQ(watch->trouble(), std::nullopt);
  exchanges_->say(watch_of("5"), R"({"type":"ERROR","object":{"code":410}})");
  exchanges_->answer(watch_of("5"), {200, {}, ""});
  exchanges_->answer("limit=1", list("", "8"));
  EXPECT_TRUE(exchanges_->wait_for(watch_of("8")));
  EXPECT_EQ(sink.told(), "[][]");
}

TEST_F(WatchGroupTest, AThousandNewWatchesListAFewAtATime) {
  Sink sink;
  std::vector<std::unique_ptr<GroupWatch>> watches;
  for (int i = 0; i < 40; ++i) watches.push_back(add("c", sink));
  for (int i = 0; i < 40; ++i) exchanges_->answer("limit=1", list("", "5"));
  EXPECT_TRUE(exchanges_->wait_for("watch=true", 40));
  EXPECT_EQ(exchanges_->most_lists(), WatchGroup::kListsAtOnce);
}

TEST_F(WatchGroupTest, WatchThatEndedTellsNobodyAndItsStreamIsBrokenOff) {
  Sink gone, stays;
  auto watch = add("gone", gone);
  const auto other = add("stays", stays);
  exchanges_->answer(named("gone"), list("", "5"));
  exchanges_->answer(named("stays"), list("", "6"));
  ASSERT_TRUE(exchanges_->wait_for(watch_of("5")));
  watch.reset();
  exchanges_->say(watch_of("6"), event("ADDED", "7"));
  EXPECT_EQ(stays.told(), "[]+c");
  exchanges_->say(watch_of("6"), event("MODIFIED", "8"));
  EXPECT_EQ(exchanges_->target(named("gone")), "");
  EXPECT_EQ(gone.told(), "[]");
}

TEST_F(WatchGroupTest, AnswerThatIsNoListIsAFailureAndNoObjectThatIsGone) {
  Sink sink;
  const auto watch = add("c", sink);
  exchanges_->answer(named("c"), {200, {}, R"({"kind": "Status", "metadata": {}, "status": "Success"})"});
  EXPECT_FALSE(watch->is_synced());
  exchanges_->answer(named("c"), list(R"({"metadata":{"name":"c"}})", "5"));
  EXPECT_EQ(sink.told(), "[=c]");
}

}  // namespace
}  // namespace sidestep::k8s
