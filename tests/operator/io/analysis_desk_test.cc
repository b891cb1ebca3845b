// The desk over exchanges that a test answers: bounds, what is remembered, and who is woken.
#include "operator/io/analysis_desk.h"

#include <gtest/gtest.h>

#include <deque>
#include <fstream>

#include "tests/support/fake_clock.h"

namespace sidestep::op {
namespace {

// A script of turns: each is called with what is under way; after the last the desk is told to stop.
class ScriptedExchanges final : public k8s::Exchanges {
 public:
  struct Open {
    k8s::Request request;
    Done done;
  };
  using Turn = std::function<void(ScriptedExchanges&)>;

  Id begin(const k8s::Request& request, k8s::LineSink, Done done) override {
    open[++last_] = {request, std::move(done)};
    return last_;
  }
  void end(Id id) override { open.erase(id), ++broken_off; }
  void turn(Millis) override {
    if (turns.empty()) {
      stop.request_stop();
      return;
    }
    const Turn next = std::move(turns.front());
    turns.pop_front();
    next(*this);
  }
  void wake() override { ++woken; }

  // The oldest whose target or origin holds the part.
  void answer(const std::string& part, Result<k8s::Response> response) {
    for (auto& [id, each] : open) {
      if ((each.request.origin + each.request.target).find(part) == std::string::npos) continue;
      const Done done = std::move(each.done);
      open.erase(id);
      return done(std::move(response));
    }
    ADD_FAILURE() << "nobody asked " << part;
  }

  std::map<Id, Open> open;
  std::deque<Turn> turns;
  std::stop_source stop;
  int woken = 0;
  int broken_off = 0;

 private:
  Id last_ = 0;
};

const k8s::Response kHalf{
    200, {}, R"({"status":"success","data":{"resultType":"scalar","result":[1,"0.5"]}})"};

class AnalysisDeskTest : public ::testing::Test {
 protected:
  AnalysisDeskTest() { make({}); }
  void make(AnalysisTokens tokens) {
    auto made = std::make_unique<ScriptedExchanges>();
    exchanges_ = made.get();
    desk_ = std::make_unique<AnalysisDesk>(
        std::move(made), clock_, [this](const std::string& policy) { woken_.push_back(policy); },
        std::move(tokens));
  }
  void run(std::vector<ScriptedExchanges::Turn> turns) {
    exchanges_->stop = std::stop_source();
    exchanges_->turns.assign(turns.begin(), turns.end());
    desk_->run(exchanges_->stop.get_token());
  }
  void ask(const std::string& key, const std::string& address = "http://p:9090") {
    desk_->ask("n/shop", MeasureMetric{key, address, "q"});
  }

  test::FakeClock clock_;
  ScriptedExchanges* exchanges_ = nullptr;
  std::unique_ptr<AnalysisDesk> desk_;
  std::vector<std::string> woken_;
};

TEST_F(AnalysisDeskTest, AnAnswerIsKeptForItsPolicyWhichIsLookedAtAgain) {
  ask("u/metric/a/1");
  EXPECT_TRUE(desk_->replies("n/shop").empty());
  run({[](auto& world) { world.answer("/api/v1/query", kHalf); }});
  ASSERT_EQ(desk_->replies("n/shop").size(), 1u);
  EXPECT_EQ(desk_->replies("n/shop")[0].key, "u/metric/a/1");
  EXPECT_EQ(desk_->replies("n/shop")[0].value, 0.5);
  EXPECT_EQ(desk_->replies("n/shop")[0].time, clock_.wall());
  EXPECT_TRUE(desk_->replies("n/other").empty());
  EXPECT_EQ(woken_, std::vector<std::string>{"n/shop"});
}

TEST_F(AnalysisDeskTest, AQuestionIsAskedOnceHoweverOftenItIsPut) {
  ask("u/metric/a/1"), ask("u/metric/a/1");
  run({[this](auto& world) {
    EXPECT_EQ(world.open.size(), 1u);
    ask("u/metric/a/1");
    world.answer("query", kHalf);
    ask("u/metric/a/1");
  }});
  EXPECT_TRUE(exchanges_->open.empty());
  EXPECT_EQ(desk_->replies("n/shop").size(), 1u);
}

TEST_F(AnalysisDeskTest, TheNextQuestionOfItsKindReplacesAnAnswer) {
  ask("u/metric/a/1"), ask("u/metric/b/1");
  run({[](auto& world) { world.answer("query", kHalf), world.answer("query", kHalf); }});
  ask("u/metric/a/2");
  ASSERT_EQ(desk_->replies("n/shop").size(), 1u);
  EXPECT_EQ(desk_->replies("n/shop")[0].key, "u/metric/b/1");
}

TEST_F(AnalysisDeskTest, AServerThatHangsLeavesRoomForTheOthers) {
  for (int i = 0; i < 100; ++i) ask("u" + std::to_string(i) + "/metric/a/1", "http://hangs");
  ask("z/metric/a/1", "http://answers");
  run({[](auto& world) {
    EXPECT_EQ(world.open.size(), AnalysisDesk::kAtOncePerServer + 1);
    world.answer("http://answers", kHalf);
  }});
  EXPECT_EQ(desk_->replies("n/shop").size(), 1u);
}

TEST_F(AnalysisDeskTest, NoMoreThanItsBoundIsOnTheWayAtATime) {
  for (int i = 0; i < 100; ++i) ask("u" + std::to_string(i) + "/metric/a/1", "http://p" + std::to_string(i));
  run({[](auto& world) { EXPECT_EQ(world.open.size(), AnalysisDesk::kAtOnce); }});
}

TEST_F(AnalysisDeskTest, AFailureNamesTheServerAndNotItsPath) {
  CallWebhook call;
  call.key = "u/webhook/a/1", call.url = "https://hooks/s3cret?x=1";
  desk_->ask("n/shop", call);
  run({[](auto& world) {
    world.answer("s3cret", unavailable("https://hooks:443/s3cret: Timeout was reached"));
  }});
  EXPECT_EQ(desk_->replies("n/shop")[0].message, "https://hooks:443: Timeout was reached");
  EXPECT_FALSE(desk_->replies("n/shop")[0].passed);
}

TEST_F(AnalysisDeskTest, AQueryCarriesTheTokenOfItsAddressAndNeitherAnotherNorAWebhookDoes) {
  const std::string file = ::testing::TempDir() + "analysis_desk_token";
  std::ofstream(file) << "secret\n";
  make(AnalysisTokens({*parse_token_flag("https://p=" + file)}));
  ask("a/metric/a/1", "https://p"), ask("b/metric/a/1", "https://p.evil"),
      ask("c/metric/a/1", "http://p:443");
  CallWebhook call;
  call.key = "d/webhook/a/1", call.url = "https://p/hook";
  desk_->ask("n/shop", call);
  run({[](auto& world) {
    std::vector<std::string> to;
    for (const auto& [id, open] : world.open)
      for (const auto& [name, value] : open.request.headers)
        if (name == "Authorization") to.push_back(open.request.origin + open.request.target + " " + value);
    EXPECT_EQ(world.open.size(), 4u);
    EXPECT_EQ(to, std::vector<std::string>{"https://p:443/api/v1/query?query=q Bearer secret"});
  }});
}

TEST_F(AnalysisDeskTest, WithoutTheTokenThatItNeedsAQueryIsNotSent) {
  make(AnalysisTokens({*parse_token_flag("https://p=/no/such/token")}));
  ask("u/metric/a/1", "https://p");
  run({[](auto& world) { EXPECT_TRUE(world.open.empty()); }});
  ASSERT_EQ(desk_->replies("n/shop").size(), 1u);
  EXPECT_EQ(desk_->replies("n/shop")[0].value, std::nullopt);
  EXPECT_EQ(desk_->replies("n/shop")[0].message,
            "the token for https://p:443 cannot be read from /no/such/token");
  EXPECT_EQ(woken_, std::vector<std::string>{"n/shop"});
}

TEST_F(AnalysisDeskTest, WhatIsOnItsWayIsBrokenOffAtTheEnd) {
  ask("u/metric/a/1");
  run({[](auto&) {}});
  EXPECT_EQ(exchanges_->broken_off, 1);
  EXPECT_TRUE(desk_->replies("n/shop").empty());
}

TEST_F(AnalysisDeskTest, MoreQuestionsThanItsBoundAreNotRememberedUntilOldAnswersAreForgotten) {
  const auto many = [this](const std::string& prefix) {
    for (std::size_t i = 0; i < AnalysisDesk::kMostQuestions; ++i)
      ask(prefix + std::to_string(i) + "/metric/a/1", "http://p" + std::to_string(i));
  };
  many("u");
  ask("late/metric/a/1", "http://late");
  std::vector<ScriptedExchanges::Turn> turns(AnalysisDesk::kMostQuestions / AnalysisDesk::kAtOnce + 1,
                                             [](auto& world) {
                                               while (!world.open.empty()) world.answer("query", kHalf);
                                             });
  run(turns);
  EXPECT_EQ(desk_->replies("n/shop").size(), AnalysisDesk::kMostQuestions);
  ask("late/metric/a/1", "http://late");
  run({[](auto& world) { EXPECT_TRUE(world.open.empty()); }});
  clock_.advance(AnalysisDesk::kMemory + Seconds(1));
  ask("late/metric/a/1", "http://late");
  run({[](auto& world) { world.answer("http://late", kHalf); }});
  EXPECT_EQ(desk_->replies("n/shop").size(), 1u);
}

}  // namespace
}  // namespace sidestep::op
