#include "sidecar/cli/arguments.h"

#include <gtest/gtest.h>

namespace sidestep::sidecar::cli {
namespace {

Result<Arguments> parse(const char* verb, const std::vector<std::string>& words) {
  return parse_arguments(*find_verb(verb), words);
}
std::string wrong(const Result<Arguments>& arguments) {
  return arguments ? "accepted" : arguments.error().detail;
}

TEST(Arguments, ReloadTakesAnEnvironmentAReasonATimeoutAndACommand) {
  const Result<Arguments> a =
      parse("reload", {"--env", "A=1=2", "--env=B=", "--reason", "new colour", "--timeout", "5m", "-o",
                       "json", "--no-wait", "--", "app", "--env"});
  ASSERT_TRUE(a) << wrong(a);
  EXPECT_EQ(a->env, (std::vector<std::pair<std::string, std::string>>{{"A", "1=2"}, {"B", ""}}));
  EXPECT_EQ(a->reason, "new colour");
  EXPECT_EQ(a->timeout, Millis(300'000));
  EXPECT_TRUE(a->json);
  EXPECT_FALSE(a->wait);
  EXPECT_EQ(a->command, (std::vector<std::string>{"app", "--env"}));
}

TEST(Arguments, ReloadWaitsUnlessToldOtherwise) { EXPECT_TRUE(parse("reload", {})->wait); }

TEST(Arguments, AllMistakesAreNamedAtOnce) {
  EXPECT_EQ(wrong(parse("reload",
                        {"--listening", "--timeout", "5", "-o", "yaml", "--env", "=1", "--reason", "--"})),
            "--listening: no option of sidestep reload; see sidestep reload --help\n"
            "--timeout: \"5\": not a duration above zero; write for instance 30s or 5m\n"
            "-o: \"yaml\": not a form of output; write json or text\n"
            "--env: \"=1\": not KEY=VALUE\n"
            "--reason: no value; write --reason TEXT\n"
            "--: no command after it; write -- CMD ARG…, or leave -- out");
}

TEST(Arguments, OptionsOfOneCommandAreNotThoseOfAnother) {
  EXPECT_TRUE(parse("promote", {"--force", "--reload", "r-1"}));
  EXPECT_FALSE(parse("abort", {"--force"}));
  EXPECT_FALSE(parse("status", {"--timeout", "5s"}));
  EXPECT_EQ(wrong(parse("status", {"--", "app"})),
            "--: only sidestep reload takes a command, and sidestep upgrade options");
  EXPECT_EQ(wrong(parse("reload", {"--attach", ":1", "--", "app"})),
            "--attach: given together with a command; leave one of the two out");
}

TEST(Arguments, EveryCommandHasAUsage) {
  for (const VerbRow& verb : verb_table()) {
    EXPECT_NE(usage_of(verb).find("usage: sidestep " + std::string(verb.name)), std::string::npos);
    EXPECT_TRUE(parse_arguments(verb, {"--help", "--control", "/x", "-o", "json"})) << verb.name;
  }
}

}  // namespace
}  // namespace sidestep::sidecar::cli
