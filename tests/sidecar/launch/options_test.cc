#include "sidecar/launch/options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sidestep::launch {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

const char* nothing(const char*) { return nullptr; }
const char* in_a_pod(const char* name) {
  return std::string_view(name) == "SIDESTEP_RUN_DIR" ? "/shared" : nullptr;
}
const char* wrong(const char* name) {
  return std::string_view(name) == "SIDESTEP_RUN_DIR" ? "here" : nullptr;
}

TEST(LaunchOptionsTest, TheCommandStandsBehindTheDashesAsItIs) {
  const auto parsed = parse_options({"--", "/bin/app", "--help", "--", "x"}, nothing);
  EXPECT_EQ(parsed.outcome, ParsedOptions::kRun);
  EXPECT_THAT(parsed.options.command, ElementsAre("/bin/app", "--help", "--", "x"));
  EXPECT_EQ(parsed.options.socket, "/sidestep/run/launch.sock");
}

TEST(LaunchOptionsTest, AFlagBeatsTheEnvironment) {
  EXPECT_EQ(parse_options({"--", "x"}, in_a_pod).options.socket, "/shared/run/launch.sock");
  EXPECT_EQ(parse_options({"--run-dir", "/other", "--", "x"}, in_a_pod).options.socket,
            "/other/run/launch.sock");
}

TEST(LaunchOptionsTest, ValuesComeWithASpaceOrWithAnEqualsSign) {
  EXPECT_EQ(parse_options({"--grace=7", "--", "x"}, nothing).options.end.grace, Millis{7'000});
  EXPECT_EQ(parse_options({"--grace", "7", "--", "x"}, nothing).options.end.grace, Millis{7'000});
}

TEST(LaunchOptionsTest, EveryMistakeIsNamedAtOnce) {
  const auto parsed = parse_options({"--grace", "soon", "--abandon-after=-1", "--", "x"}, wrong);
  EXPECT_EQ(parsed.outcome, ParsedOptions::kWrong);
  EXPECT_THAT(parsed.text, HasSubstr("--grace: \"soon\""));
  EXPECT_THAT(parsed.text, HasSubstr("--abandon-after: \"-1\""));
  EXPECT_THAT(parsed.text, HasSubstr("SIDESTEP_RUN_DIR: \"here\""));
}

TEST(LaunchOptionsTest, AForgottenValueAndForgottenDashesAreNamed) {
  EXPECT_THAT(parse_options({"--grace", "--", "x"}, nothing).text, HasSubstr("--grace needs a value"));
  EXPECT_THAT(parse_options({"/bin/app"}, nothing).text, HasSubstr("goes after --"));
  EXPECT_THAT(parse_options({}, nothing).text, HasSubstr("no command"));
  EXPECT_THAT(parse_options({"--", ""}, nothing).text, HasSubstr("no command"));
}

TEST(LaunchOptionsTest, PinsAreThreePathsEachAndAnythingElseIsNamed) {
  const auto parsed = parse_options({"--pins", "/etc/shop/=/k/a=/s/a,/etc/b=/k/b=/s/b", "--", "x"}, nothing);
  EXPECT_THAT(parsed.options.pins,
              ElementsAre(Pin{"/etc/shop", "/k/a", "/s/a"}, Pin{"/etc/b", "/k/b", "/s/b"}));
  for (const char* bad : {"/etc/shop", "/etc/shop=/k", "etc=/k=/s", "/a=/b=/c=/d", "/a=/b=/c,,"})
    EXPECT_THAT(parse_options({"--pins", bad, "--", "x"}, nothing).text, HasSubstr("MOUNT=KEPT=STAGED")) << bad;
}

TEST(LaunchOptionsTest, HelpNamesEveryOption) {
  const auto parsed = parse_options({"--help"}, nothing);
  EXPECT_EQ(parsed.outcome, ParsedOptions::kPrint);
  for (const char* flag :
       {"--run-dir", "--socket", "--config-dir", "--pins", "--max-config-bytes", "--grace", "--abandon-after"}) {
    EXPECT_THAT(parsed.text, HasSubstr(flag));
  }
}

}  // namespace
}  // namespace sidestep::launch
