#include "sidecar/admin/wire.h"

#include <gtest/gtest.h>

namespace sidestep::sidecar::wire {
namespace {

Status full_status() {
  Status s{"0.1.0",
           "boot",
           "pod",
           "Judging",
           true,
           true,
           true,
           false,
           "held too long",
           7,
           {},
           {},
           {},
           {},
           {"careful"},
           {{"ConfigMap/c", {{"k", "00"}}}},
           Upgrade{3, "Succeeded", "the new worker serves"},
           2};
  s.active = Generation{
      3, 41, "127.0.0.1:41234", "2026-11-23T09:30:00.125Z", 10, 1, 2, 9'500, true, "v1:sha256:ab", 1};
  s.candidate = Generation{4, 42, "unix:/run/s", "2026-11-23T09:31:00.000Z", 1, 0, 0, 500, false, "", 0};
  s.retiring = {*s.active};
  s.reload = Reload{"r-1",
                    "t",
                    "u",
                    "Judging",
                    "",
                    "half way",
                    "ann",
                    "new config",
                    4,
                    1,
                    3,
                    500,
                    true,
                    "2026-11-23T09:31:00.000Z",
                    "2026-11-23T09:31:01.000Z",
                    "",
                    Exit{1, 9},
                    {"line \"one\""},
                    Receipt{{{3, 100}, {4, 50}}, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11},
                    {90, 1, {{0, 60, 30}, 81'000}},
                    {50, 2}};
  return s;
}

std::string wrong(const auto& result) { return result ? "accepted" : result.error().detail; }

TEST(Wire, StatusComesBackAsItWasWritten) {
  const Result<Status> back = read_status(write(full_status()));
  ASSERT_TRUE(back) << wrong(back);
  EXPECT_EQ(*back, full_status());
}

TEST(Wire, EmptyStatusHasNullsWhereThereIsNothing) {
  const std::string text = write(Status{});
  for (const char* part : {"\"active\":null", "\"candidate\":null", "\"reload\":null", "\"retiring\":[]"}) {
    EXPECT_NE(text.find(part), std::string::npos) << part;
  }
  EXPECT_EQ(read_status(text).value_or(full_status()), Status{});
}

TEST(Wire, OutputThatIsNotUtf8IsReplacedNotFatal) {
  Status s = full_status();
  s.reload->output = {"\xff\xfe!"};
  EXPECT_NE(write(s).find("\xEF\xBF\xBD"), std::string::npos);
}

TEST(Wire, StatusOfANewerVersionIsUnderstood) {
  EXPECT_EQ(read_status(R"({"phase":"Serving","moods":[1]})").value_or({}).phase, "Serving");
}

TEST(Wire, ReloadRequestComesBackAsItWasWritten) {
  const ReloadRequest request{"r",
                              "t",
                              "why",
                              "ann",
                              "u",
                              {"app", "-x"},
                              {{"A", "1"}, {"B", ""}},
                              "",
                              true,
                              true,
                              {{500, 30}, {10'000, 0}},
                              60};
  EXPECT_EQ(read_reload_request(write(request), Unknown::kRefuse).value_or({}), request);
  EXPECT_EQ(read_reload_request("", Unknown::kRefuse).value_or(request), ReloadRequest{});
}

TEST(Wire, EveryWrongFieldOfARequestIsNamed) {
  EXPECT_EQ(
      wrong(read_reload_request(
          R"({"id":1,"command":"app","env":["A=1"],"force":"yes","steps":[{"weightPerTenThousand":0}],"commmand":[]})",
          Unknown::kRefuse)),
      "id: 1: not a text; put it in quotes\n"
      "command: \"app\": not a list of texts; write [\"…\", \"…\"]\n"
      "env: [\"A=1\"]: not an object of texts; write {\"KEY\": \"value\"}\n"
      "force: \"yes\": not true or false\n"
      "steps[0].weightPerTenThousand: 0: out of range; write 1 to 10000\n"
      "commmand: []: no such field; there are id, token, reason, requestedBy, policyUid, command, env, "
      "attach, force, "
      "managed, steps, deadlineSeconds");
}

TEST(Wire, ANewerOperatorsFieldIsIgnored) {
  EXPECT_EQ(read_reload_request(R"({"id":"x","mood":1})", Unknown::kIgnore).value_or({}).id, "x");
}

TEST(Wire, WhatIsNoJsonObjectIsRefusedWithThePlace) {
  EXPECT_EQ(wrong(read_steer_request("{\"a\": tru", Unknown::kRefuse)),
            "the body is not JSON: broken at byte 10; send one JSON object");
  EXPECT_EQ(wrong(read_steer_request("[1]", Unknown::kRefuse)), "body: [1]: not an object; write {…}");
  EXPECT_FALSE(read_status("\xff"));
}

TEST(Wire, SteerRequestKnowsAWeightOfZeroFromNoWeight) {
  EXPECT_EQ(read_steer_request(R"({"weightPerTenThousand":0})", Unknown::kRefuse)
                .value_or({})
                .weight_per_ten_thousand,
            0);
  EXPECT_EQ(read_steer_request("{}", Unknown::kRefuse).value_or({{}, {}, {}, 1}).weight_per_ten_thousand,
            std::nullopt);
  EXPECT_FALSE(read_steer_request(R"({"weightPerTenThousand":10001})", Unknown::kRefuse));
  EXPECT_FALSE(read_steer_request(R"({"weightPerTenThousand":1.5})", Unknown::kRefuse));
  EXPECT_FALSE(read_steer_request(R"({"weightPerTenThousand":18446744073709551615})", Unknown::kRefuse));
  const SteerRequest request{"r", "why", true, 5};
  EXPECT_EQ(read_steer_request(write(request), Unknown::kRefuse).value_or({}), request);
}

TEST(Wire, SmallAnswersComeBack) {
  EXPECT_EQ(read_failure(write(Failure{"Conflict", "busy"})).value_or({}), (Failure{"Conflict", "busy"}));
  EXPECT_EQ(read_reload_answer(write_reload_answer("r-1")).value_or(""), "r-1");
  const std::vector<Decision> decisions{{"t", "a", "b"}, {"u", "c", ""}};
  EXPECT_EQ(read_decisions(write(decisions)).value_or({}), decisions);
}

TEST(Wire, OnlyThreePhasesOfAReloadAreNotTheEnd) {
  for (const char* phase : {"Starting", "Judging", "Draining", ""}) EXPECT_FALSE(has_ended(phase)) << phase;
  for (const char* phase : {"Succeeded", "Failed", "Aborted", "Interrupted", "Superseded"})
    EXPECT_TRUE(has_ended(phase));
}

}  // namespace
}  // namespace sidestep::sidecar::wire
