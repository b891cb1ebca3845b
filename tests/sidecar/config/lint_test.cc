// The command: which files it reads and what it exits with. The rules: tests/lib/policy/lint_test.cc.
#include "sidecar/config/lint.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

namespace sidestep::sidecar {
namespace {

using ::testing::HasSubstr;

TEST(LintCommand, NamesEveryFileThatItCannotReadAndExitsByMistakesAlone) {
  const std::map<std::string, std::string> files{
      {"plain.yaml", "kind: Pod\nmetadata: {name: a}\nspec: {containers: []}\n"},
      {"bad.yaml", "holdd: {}\n"}};
  Machine machine;
  machine.read_file = [&](const std::string& path, std::size_t) -> Result<std::string> {
    if (files.count(path) == 0) return system_error("open", 2);
    return files.at(path);
  };
  const LintOutcome warned = run_lint({"--manifest", "plain.yaml"}, machine);
  EXPECT_EQ(warned.status, 0);
  EXPECT_THAT(warned.out, HasSubstr("warning: plain.yaml:3: Pod/a: "));
  EXPECT_EQ(run_lint({"--policy", "bad.yaml"}, machine).status, 2);
  const LintOutcome outcome = run_lint({"--policy=no.yaml", "--manifest", "neither.yaml"}, machine);
  EXPECT_EQ(outcome.status, 2);
  EXPECT_THAT(outcome.out, HasSubstr("--policy: \"no.yaml\""));
  EXPECT_THAT(outcome.out, HasSubstr("--manifest: \"neither.yaml\""));
  EXPECT_EQ(run_lint({}, machine).status, 2);
  EXPECT_EQ(run_lint({"--polcy", "x"}, machine).status, 2);
}

}  // namespace
}  // namespace sidestep::sidecar
