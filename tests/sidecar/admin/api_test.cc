// The calls against a board and a sink of this test; no sockets. Calls that wait run on a thread of their own
// and are released by what the test publishes.
#include "sidecar/admin/api.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <future>
#include <utility>
#include <variant>

namespace sidestep::sidecar {
namespace {

class RecordingSink final : public CommandSink {
 public:
  void submit(Command command, std::function<void(CommandReply)> reply) override {
    if (!std::holds_alternative<RefreshCommand>(command)) commands.push_back(std::move(command));
    if (answers) return reply(next);
    if (!std::exchange(has_asked_, true)) asked_.set_value(std::move(reply));
  }
  // Waits for the first command that comes.
  void answer_later(CommandReply late) { asked_.get_future().get()(std::move(late)); }
  std::vector<Command> commands;
  CommandReply next{std::nullopt, "r-1"};
  bool answers = true;

 private:
  bool has_asked_ = false;
  std::promise<std::function<void(CommandReply)>> asked_;
};

class ApiTest : public ::testing::Test {
 protected:
  ApiTest() { publish(ReloadPhase::kStarting); }

  void publish(ReloadPhase phase, bool ready = true) {
    auto s = std::make_shared<Snapshot>();
    s->boot_id = "boot-1", s->pod_uid = "pod-1", s->ready = ready,
    s->not_ready_why = ready ? "" : "the hold is full";
    s->reload.emplace();
    s->reload->id = "r-1", s->reload->phase = phase, s->reload->output = {"secret line"};
    s->decisions = std::make_shared<const Decisions>(Decisions{{WallTime{}, "what", "why"}});
    board_.publish(s);
  }
  ApiAnswer call(const std::string& method, const std::string& target, const std::string& body = "",
                 bool is_local = true) {
    Call c;
    c.method = method, c.body = body, c.is_local = is_local;
    c.path = target.substr(0, target.find('?'));
    if (c.path.size() < target.size()) c.query = target.substr(c.path.size() + 1);
    return api_.handle(c);
  }
  template <typename T>
  T only_command() {
    EXPECT_EQ(sink_.commands.size(), 1U);
    return std::get<T>(sink_.commands.at(0));
  }

  SnapshotBoard board_;
  RecordingSink sink_;
  Authority authority_{{"", "pod-1", ""}, {}};
  ApiLimits limits_{1, Millis(50), Millis(50), Millis(60'000), Millis(50)};
  ControlApi api_{board_, sink_, authority_, system_clock(), limits_, false, {}};
};

TEST_F(ApiTest, OpenPagesNeedNoSignatureAndTellTheBootId) {
  for (const char* path : {"/healthz", "/readyz", "/metrics"}) {
    const ApiAnswer answer = call("GET", path, "", false);
    EXPECT_EQ(answer.status, 200) << path;
    EXPECT_EQ(answer.fields, (std::vector<std::pair<std::string, std::string>>{{"Sidestep-Boot", "boot-1"}}));
  }
}

TEST_F(ApiTest, ReadyzFollowsTheSnapshotAndHealthzDoesNot) {
  publish(ReloadPhase::kStarting, false);
  EXPECT_EQ(call("GET", "/readyz").status, 503);
  EXPECT_EQ(call("GET", "/readyz").body, "not ready: the hold is full\n");
  EXPECT_EQ(call("GET", "/healthz").status, 200);
}

TEST_F(ApiTest, EverythingElseIsClosedToStrangers) {
  for (const char* path : {"/v1/status", "/v1/why"})
    EXPECT_EQ(call("GET", path, "", false).status, 401) << path;
  for (const char* path :
       {"/v1/reload", "/v1/weight", "/v1/promote", "/v1/abort", "/v1/pause", "/v1/resume", "/v1/policy"}) {
    EXPECT_EQ(call("POST", path, "{}", false).status, 401) << path;
  }
  EXPECT_EQ(call("POST", "/v1/pod-ending", "{}", false).status, 403);
  EXPECT_TRUE(sink_.commands.empty());
}

TEST_F(ApiTest, UnknownPathsAndMethodsAreNamed) {
  EXPECT_EQ(call("GET", "/v1/nothing").status, 404);
  EXPECT_EQ(call("POST", "/v1/status").status, 405);
  EXPECT_EQ(call("HEAD", "/healthz").status, 200);
}

TEST_F(ApiTest, ReloadIsSubmittedWithEverythingThatWasAsked) {
  const ApiAnswer answer =
      call("POST", "/v1/reload",
           R"({"id":"r","token":"t","reason":"why","command":["app"],"env":{"A":"1"},"force":true,
                                    "steps":[{"weightPerTenThousand":500,"pauseSeconds":3}],"deadlineSeconds":9})");
  EXPECT_EQ(answer.status, 202);
  EXPECT_EQ(answer.body, R"({"reload":"r-1"})");
  const auto command = only_command<ReloadCommand>();
  EXPECT_EQ(command.id, "r");
  EXPECT_EQ(command.command, (std::vector<std::string>{"app"}));
  EXPECT_EQ(command.env.size(), 1U);
  EXPECT_TRUE(command.force);
  ASSERT_EQ(command.steps.size(), 1U);
  EXPECT_EQ(command.steps[0].weight_per_ten_thousand, 500);
  EXPECT_EQ(command.steps[0].pause, Seconds(3));
  EXPECT_EQ(command.deadline, Seconds(9));
}

TEST_F(ApiTest, AttachNamesAnAppOfThisMachine) {
  EXPECT_EQ(call("POST", "/v1/reload", R"({"attach":"127.0.0.1:3000"})").status, 202);
  EXPECT_EQ(only_command<ReloadCommand>().attach, (AppAddress{3000, ""}));
  EXPECT_EQ(call("POST", "/v1/reload", R"({"attach":"198.18.0.1:3000"})").status, 400);
}

TEST_F(ApiTest, RefusalsOfTheControlThreadHaveTheirStatus) {
  const std::pair<Error, int> expected[] = {{invalid("x"), 400},
                                            {not_found("x"), 404},
                                            {refused("x"), 403},
                                            {unavailable("x"), 503},
                                            {Error{ErrorKind::kConflict, {}, {}, "x"}, 409}};
  for (const auto& [error, status] : expected) {
    sink_.next.error = error;
    EXPECT_EQ(call("POST", "/v1/reload").status, status);
    EXPECT_NE(call("POST", "/v1/reload").body.find("\"message\":\"x\""), std::string::npos);
  }
}

TEST_F(ApiTest, ControlThreadThatDoesNotAnswerIsUnavailable) {
  sink_.answers = false;
  EXPECT_EQ(call("POST", "/v1/promote").status, 503);
  EXPECT_EQ(call("GET", "/v1/status").status, 200) << "the last picture is still shown";
}

TEST_F(ApiTest, SteeringCallsBecomeCommands) {
  call("POST", "/v1/weight", R"({"reload":"r-1","weightPerTenThousand":0})");
  call("POST", "/v1/promote", R"({"force":true})");
  call("POST", "/v1/abort", R"({"reload":"r-1","reason":"no"})");
  call("POST", "/v1/pause");
  call("POST", "/v1/resume");
  call("POST", "/v1/pod-ending");
  ASSERT_EQ(sink_.commands.size(), 6U);
  EXPECT_EQ(std::get<WeightCommand>(sink_.commands[0]).weight_per_ten_thousand, 0);
  EXPECT_TRUE(std::get<PromoteCommand>(sink_.commands[1]).force);
  EXPECT_EQ(std::get<AbortCommand>(sink_.commands[2]).reason, "no");
  EXPECT_TRUE(std::holds_alternative<PauseCommand>(sink_.commands[3]));
  EXPECT_TRUE(std::holds_alternative<ResumeCommand>(sink_.commands[4]));
  EXPECT_TRUE(std::holds_alternative<PodEndingCommand>(sink_.commands[5]));
}

TEST_F(ApiTest, WeightNeedsBothItsFields) {
  EXPECT_EQ(call("POST", "/v1/weight", R"({"reload":"r-1"})").status, 400);
  EXPECT_EQ(call("POST", "/v1/weight", R"({"weightPerTenThousand":1})").status, 400);
}

TEST_F(ApiTest, PolicyIsCheckedBeforeItIsTaken) {
  EXPECT_EQ(call("POST", "/v1/policy?policyUid=u", R"({"hold":{"maxRequests":5}})").status, 200);
  EXPECT_EQ(only_command<PolicyCommand>().spec.hold.max_requests, 5);
  EXPECT_EQ(only_command<PolicyCommand>().policy_uid, "u");
  const ApiAnswer wrong = call("POST", "/v1/policy", R"({"hold":{"maxRequests":-5},"mood":1})");
  EXPECT_EQ(wrong.status, 400);
  EXPECT_NE(wrong.body.find("mood"), std::string::npos);
}

TEST_F(ApiTest, StatusWaitsForTheEndOfTheReload) {
  auto waiting = std::async(std::launch::async, [&] { return call("GET", "/v1/status?wait=60&reload=r-1"); });
  EXPECT_EQ(waiting.wait_for(Millis(30)), std::future_status::timeout);
  publish(ReloadPhase::kSucceeded);
  EXPECT_NE(waiting.get().body.find("\"phase\":\"Succeeded\""), std::string::npos);
}

TEST_F(ApiTest, CallsThatWaitAreBounded) {
  auto waiting = std::async(std::launch::async, [&] { return call("GET", "/v1/status?wait=60"); });
  while (call("GET", "/v1/status?wait=0").status == 200 &&
         waiting.wait_for(Millis(10)) == std::future_status::timeout) {
    if (call("GET", "/v1/status?wait=1").status == 503) break;
  }
  EXPECT_EQ(call("GET", "/v1/status?wait=60").status, 503);
  publish(ReloadPhase::kFailed);
  EXPECT_EQ(waiting.get().status, 200);
  EXPECT_EQ(call("GET", "/v1/status?wait=60").status, 200);
}

TEST_F(ApiTest, StopReleasesWhoeverWaits) {
  auto waiting = std::async(std::launch::async, [&] { return call("GET", "/v1/status?wait=60"); });
  api_.stop();
  EXPECT_EQ(waiting.get().status, 200);
}

// Another worker takes over: commands are still answered, and one that was not carried out may be repeated.
TEST_F(ApiTest, ReleasedItStillWaitsForTheAnswersToCommands) {
  api_.release();
  EXPECT_EQ(call("GET", "/v1/status?wait=60").status, 200);
  sink_.answers = false;
  auto asked = std::async(std::launch::async, [&] { return call("POST", "/v1/promote"); });
  sink_.answer_later({taken_over(), {}});
  const ApiAnswer answer = asked.get();
  EXPECT_EQ(answer.status, 503);
  EXPECT_NE(answer.body.find("taken over"), std::string::npos) << answer.body;
  const std::pair<std::string, std::string> again{"Retry-After", "0"};
  EXPECT_EQ(std::count(answer.fields.begin(), answer.fields.end(), again), 1);
}

TEST_F(ApiTest, StatusOfAReloadThatNobodyKnowsIsNotFound) {
  EXPECT_EQ(call("GET", "/v1/status?reload=r-9").status, 404);
  EXPECT_EQ(call("GET", "/v1/status?wait=x").status, 400);
}

TEST_F(ApiTest, WhyListsTheDecisions) {
  EXPECT_EQ(call("GET", "/v1/why").body,
            R"({"decisions":[{"time":"1970-01-01T00:00:00.000Z","what":"what","why":"why"}]})");
}

TEST_F(ApiTest, SlipOfThePenIsRefusedLocally) {
  EXPECT_EQ(call("POST", "/v1/promote", R"({"forse":true})").status, 400);
  EXPECT_TRUE(sink_.commands.empty());
}

}  // namespace
}  // namespace sidestep::sidecar
