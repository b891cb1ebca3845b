// Commands against a scripted control API and a clock that moves with every call that waits.
#include "sidecar/cli/commands.h"

#include <gtest/gtest.h>

#include <deque>

#include "sidecar/admin/wire.h"

namespace sidestep::sidecar::cli {
namespace {

class HandClock final : public Clock {
 public:
  TimePoint steady() const override { return now; }
  WallTime wall() const override { return WallTime{}; }
  TimePoint now{};
};

class CommandsTest : public ::testing::Test {
 protected:
  int run(std::vector<std::string> words) {
    World world;
    world.find_socket = [this](const std::string&) { return socket_; };
    world.call = [this](const std::string&, std::string_view method, const std::string& target,
                        const std::string& body, Millis) {
      calls_.push_back(std::string(method) + " " + target + (body.empty() ? "" : " " + body));
      clock_.now += Millis(1'000);
      Result<Answer> next = answers_.front();
      if (answers_.size() > 1) answers_.pop_front();
      return next;
    };
    world.out = [this](std::string_view text) { out_ += text; };
    world.err = [this](std::string_view text) { err_ += text; };
    world.pause = [this](Millis wait) { clock_.now += wait; };
    world.clock = &clock_;
    return run_command(words, world);
  }
  void answer(int status, std::string body) { answers_.push_back(Answer{status, std::move(body), false}); }
  void answer_with(const char* phase) {
    wire::Status s;
    s.reload.emplace();
    s.reload->id = "r-1", s.reload->phase = phase;
    answer(200, wire::write(s));
  }
  void no_answer() { answers_.push_back(unavailable("nobody there")); }
  void refuse(int status, const char* message) { answer(status, wire::write(wire::Failure{"X", message})); }

  Result<std::string> socket_{std::string("/s")};
  HandClock clock_;
  std::deque<Result<Answer>> answers_;
  std::vector<std::string> calls_;
  std::string out_, err_;
};

TEST_F(CommandsTest, ReloadWaitsForTheVerdict) {
  answer(202, R"({"reload":"r-1"})"), answer_with("Starting"), answer_with("Draining"),
      answer_with("Succeeded");
  EXPECT_EQ(run({"reload", "--reason", "x"}), kSucceeded);
  EXPECT_EQ(calls_[0], R"(POST /v1/reload {"reason":"x","requestedBy":"command line"})");
  EXPECT_EQ(calls_[1], "GET /v1/status?wait=0&reload=r-1");
  EXPECT_EQ(calls_[2], "GET /v1/status?wait=1&reload=r-1");
  EXPECT_EQ(out_.substr(0, 20), "reload r-1 succeeded");
  EXPECT_EQ(err_.substr(0, 8), "starting");
}

TEST_F(CommandsTest, EachVerdictHasItsExitCode) {
  const std::pair<const char*, int> expected[] = {
      {"Succeeded", 0}, {"Failed", 1}, {"Aborted", 1}, {"Interrupted", 1}, {"Superseded", 3}};
  for (const auto& [phase, code] : expected) {
    answers_.clear();
    answer(202, R"({"reload":"r-1"})"), answer_with(phase);
    EXPECT_EQ(run({"reload"}), code) << phase;
  }
}

TEST_F(CommandsTest, EachRefusalHasItsExitCodeAndItsSentence) {
  const std::pair<int, int> expected[] = {{400, 2}, {401, 3}, {403, 3}, {404, 3}, {409, 3}, {503, 4}};
  for (const auto& [status, code] : expected) {
    answers_.clear(), err_.clear();
    refuse(status, "because of that");
    EXPECT_EQ(run({"reload"}), code) << status;
    EXPECT_EQ(err_, "sidestep: because of that\n");
  }
}

TEST_F(CommandsTest, WhatAReplacedWorkerHasNotDoneIsAskedAgain) {
  const std::string why = wire::write(wire::Failure{"unavailable", "another worker has just taken over"});
  answers_ = {Answer{503, why, true}, Answer{503, why, true}, Answer{200, R"({"reload":"r-1"})", false}};
  EXPECT_EQ(run({"pause"}), kSucceeded);
  EXPECT_EQ(calls_, std::vector<std::string>(3, "POST /v1/pause {}"));
  calls_.clear();
  answers_ = {Answer{503, why, true}};  // for ever
  EXPECT_EQ(run({"pause"}), kUnreachable);
  EXPECT_EQ(calls_.size(), 6U);
}

TEST_F(CommandsTest, ReloadThatTakesTooLongIsUnreachableAndNamesTheWayOn) {
  answer(202, R"({"reload":"r-1"})"), answer_with("Judging");
  EXPECT_EQ(run({"reload", "--timeout", "5s"}), kUnreachable);
  EXPECT_NE(err_.find("reload r-1 has not ended after 5 s; it goes on: sidestep wait, or sidestep abort"),
            std::string::npos);
}

TEST_F(CommandsTest, ProxyThatRestartsMeanwhileIsWaitedFor) {
  answer(202, R"({"reload":"r-1"})"), answer_with("Starting"), no_answer(), no_answer(),
      answer_with("Interrupted");
  EXPECT_EQ(run({"reload"}), kFailed);
}

TEST_F(CommandsTest, ProxyThatStaysAwayIsGivenUp) {
  answer(202, R"({"reload":"r-1"})"), answer_with("Starting"), no_answer();
  EXPECT_EQ(run({"reload"}), kUnreachable);
  EXPECT_LT(clock_.now.time_since_epoch(), Millis(25'000));
}

TEST_F(CommandsTest, ReloadWithoutWaitingSaysHowToWait) {
  answer(202, R"({"reload":"r-1"})");
  EXPECT_EQ(run({"reload", "--no-wait"}), kSucceeded);
  EXPECT_EQ(out_, "reload r-1 has begun; sidestep wait --reload r-1 returns with its verdict\n");
}

TEST_F(CommandsTest, JsonOutputIsWhatTheServerSaid) {
  answer(200, R"({"phase":"Serving","later":1})");
  EXPECT_EQ(run({"status", "-o", "json"}), kSucceeded);
  EXPECT_EQ(out_, "{\"phase\":\"Serving\",\"later\":1}\n");
}

TEST_F(CommandsTest, AbortIsASuccessWhenItAborted) {
  answer(200, R"({"reload":"r-1"})"), answer_with("Aborted");
  EXPECT_EQ(run({"abort", "--reason", "no"}), kSucceeded);
  EXPECT_EQ(calls_[0], R"(POST /v1/abort {"reason":"no"})");
}

TEST_F(CommandsTest, PauseAndResumeReturnAtOnce) {
  answer(200, R"({"reload":"r-1"})");
  EXPECT_EQ(run({"pause"}), kSucceeded);
  EXPECT_EQ(run({"resume"}), kSucceeded);
  EXPECT_EQ(calls_, (std::vector<std::string>{"POST /v1/pause {}", "POST /v1/resume {}"}));
}

TEST_F(CommandsTest, WaitTakesTheRunningReload) {
  answer_with("Judging"), answer_with("Judging"), answer_with("Failed");
  EXPECT_EQ(run({"wait"}), kFailed);
  EXPECT_EQ(calls_[2], "GET /v1/status?wait=1&reload=r-1");
}

TEST_F(CommandsTest, WaitListeningLastsUntilThePortIsHeld) {
  no_answer(), answer(200, R"({"listening":false})"), answer(200, R"({"listening":true})");
  EXPECT_EQ(run({"wait", "--listening"}), kSucceeded);
  EXPECT_EQ(calls_.size(), 3U);
}

TEST_F(CommandsTest, WaitListeningGivesUpInTime) {
  answer(200, R"({"listening":false})");
  EXPECT_EQ(run({"wait", "--listening", "--timeout", "3s"}), kUnreachable);
  EXPECT_EQ(err_, "sidestep: it does not hold its port yet (waited 3 s); see its log\n");
}

TEST_F(CommandsTest, PodEndingReturnsWhenTheProxyAnswers) {
  answer(200, "{}");
  EXPECT_EQ(run({"pod-ending"}), kSucceeded);
  EXPECT_EQ(calls_, (std::vector<std::string>{"POST /v1/pod-ending {}"}));
}

TEST_F(CommandsTest, NobodyThereIsUnreachableAndWrongWordsAreUsage) {
  answer(200, "{}");
  socket_ = unavailable("none runs");
  EXPECT_EQ(run({"status"}), kUnreachable);
  EXPECT_EQ(err_, "sidestep: none runs\n");
  EXPECT_EQ(run({"status", "--what"}), kUsage);
  EXPECT_EQ(run({"dance"}), kUsage);
  EXPECT_TRUE(calls_.empty());
}

}  // namespace
}  // namespace sidestep::sidecar::cli
