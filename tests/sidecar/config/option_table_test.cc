#include "sidecar/config/option_table.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <set>
#include <sstream>

#include "sidecar/config/nearest.h"
#include "sidecar/config/option_docs.h"
#include "sidecar/core/limit_names.h"

namespace sidestep::sidecar {
namespace {

std::string content(const std::string& path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

// docs/NAME as it is, after writing it anew when SIDESTEP_WRITE_DOCS is set.
std::string checked_in(const std::string& name, const std::string& made) {
  const std::string path = std::string(SIDESTEP_SOURCE_DIR) + "/docs/" + name;
  if (std::getenv("SIDESTEP_WRITE_DOCS") != nullptr) std::ofstream(path) << made;
  return content(path);
}

TEST(OptionTable, NamesAreUniqueAndVariablesFollowTheFlag) {
  std::set<std::string_view> names;
  for (const OptionRow& row : option_table()) {
    EXPECT_TRUE(names.insert(row.flag).second) << row.flag;
    if (row.env.empty()) continue;
    std::string expected = "SIDESTEP_";
    for (const char c : row.flag.substr(2)) expected += c == '-' ? '_' : static_cast<char>(std::toupper(c));
    EXPECT_EQ(row.env, expected);
  }
}

TEST(OptionTable, DefaultsOfLimitsInTheDocumentsAreThoseOfTheCode) {
  Options options;
  for (const OptionRow& row : option_table()) {
    if (row.at_limit.empty()) continue;
    const Status done = row.set(options, row.fallback.substr(0, row.fallback.find(' ')));
    EXPECT_TRUE(done) << row.flag << ": " << (done ? "" : done.error().detail);
  }
  EXPECT_EQ(options.limits, Limits{});
  EXPECT_EQ(options.control_limits, ControlLimits{});
}

TEST(OptionTable, EveryLimitSaysWhatHappensWhenItIsReached) {
  for (const OptionRow& row : option_table()) {
    const bool limit = row.group == OptionGroup::kRequestLimits || row.group == OptionGroup::kControlLimits ||
                       row.group == OptionGroup::kUpgradeLimits;
    EXPECT_EQ(limit, !row.at_limit.empty()) << row.flag;
  }
}

TEST(OptionTable, EveryLimitIsCounted) {
  std::set<std::string> rows;
  for (const OptionRow& row : option_table()) {
    // A client that has used its window waits for us: nobody sees from here whether it would send more.
    const bool is_window = row.flag.find("-window-bytes") != std::string_view::npos;
    const bool is_lifetime =
        row.flag == "--tls-session-lifetime";  // ends in a full handshake, not in a refusal
    if (row.group == OptionGroup::kRequestLimits && !is_window && !is_lifetime) rows.insert(limit_name(row));
    EXPECT_EQ(row.group == OptionGroup::kControlLimits, !row.refusal.empty()) << row.flag;
  }
  rows.insert(std::string(to_string(Limit::kDescriptors)));  // no option of ours
  EXPECT_EQ(rows, (std::set<std::string>(kLimitNames.begin(), kLimitNames.end())))
      << "add the limit to sidecar/core/limit_names.h, and count it where it is reached";
}

TEST(OptionTable, NearestNameIsOfferedForASlip) {
  const std::string_view known[] = {"--listen", "--policy"};
  EXPECT_EQ(nearest("--lisen", known), "--listen");
  EXPECT_EQ(nearest("--plicyy", known), "--policy");
  EXPECT_EQ(nearest("--verbose", known), "");
}

TEST(OptionDocs, PagesInDocsAreThoseOfTheTable) {
  EXPECT_EQ(checked_in("options.md", options_markdown()), options_markdown());
  EXPECT_EQ(checked_in("limits.md", limits_markdown()), limits_markdown());
}

TEST(OptionDocs, HelpOfTheProxyLeavesOutWhatOnlyRunCanDo) {
  EXPECT_NE(usage(Program::kRun).find("--attach ADDR:PORT  "), std::string::npos);
  EXPECT_EQ(usage(Program::kProxy).find("--attach ADDR:PORT  "), std::string::npos);
}

}  // namespace
}  // namespace sidestep::sidecar
