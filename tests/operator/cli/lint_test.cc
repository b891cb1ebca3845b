// What the plugin alone checks; the rules are tested in tests/lib/policy/lint_test.cc.
#include "operator/cli/lint.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "operator/cli/completion.h"

namespace sidestep::op::cli {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(Lint, AnUnknownTimeZoneIsNamedWithItsLine) {
  const std::string head = "apiVersion: sidestep.dev/v1alpha1\nkind: ReloadPolicy\n";
  EXPECT_THAT(lint({{"p", head + "spec:\n  selector: {matchLabels: {a: b}}\n"
                                 "  triggers: {schedule: {cron: '0 3 * * *', timeZone: Mars/Olympus}}\n"}})
                  .mistakes,
              ElementsAre(AllOf(HasSubstr("p:5: spec.triggers.schedule"), HasSubstr("Mars/Olympus"))));
}

TEST(Completion, ScriptsKnowEveryVerbAndFlag) {
  const std::vector<VerbHelp> verbs{{"status", "look", {"--watch"}, true}, {"lint", "check", {}, false}};
  for (const char* shell : {"bash", "zsh", "fish", "kubectl"}) {
    const std::string script = completion_script(shell, verbs);
    for (const char* part : {"status", "watch", "lint", "reloadpolicies"})
      EXPECT_THAT(script, HasSubstr(part)) << shell;
  }
  EXPECT_EQ(completion_script("tcsh", verbs), "");
}

}  // namespace
}  // namespace sidestep::op::cli
