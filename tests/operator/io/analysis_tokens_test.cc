// Which address gets a token, and what its file may hold.
#include "operator/io/analysis_tokens.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

namespace sidestep::op {
namespace {

using ::testing::HasSubstr;

class AnalysisTokensTest : public ::testing::Test {
 protected:
  AnalysisTokensTest() { std::filesystem::create_directory(folder_); }
  ~AnalysisTokensTest() override { std::filesystem::remove_all(folder_); }
  std::string put(const std::string& name, const std::string& text) {
    std::ofstream(folder_ / name, std::ios::binary) << text;
    return folder_ / name;
  }
  AnalysisTokens with(const std::string& address) {
    return AnalysisTokens({*parse_token_flag(address + "=" + put("token", "secret\n"))});
  }
  std::string fault(const std::vector<std::string>& flags) { return parse_token_flags(flags).error().detail; }

  const std::filesystem::path folder_ = ::testing::TempDir() + "analysis_tokens_test";
};

TEST_F(AnalysisTokensTest, OnlyAnAddressThatBeginsWithItsOwnGetsAToken) {
  struct Row {
    const char* address;
    const char* url;
    bool gets_it;
  };
  for (const Row& row : std::initializer_list<Row>{
           {"https://prom.example", "https://prom.example/api/v1/query?query=up", true},
           {"https://prom.example", "https://PROM.example:443/api/v1/query?query=up", true},
           {"https://prom.example", "https://prom.example.evil/api/v1/query?query=up", false},
           {"https://prom.example", "https://prom.example:8443/api/v1/query?query=up", false},
           {"https://prom.example", "http://prom.example/api/v1/query?query=up", false},
           {"https://prom.example", "http://prom.example:443/api/v1/query?query=up", false},
           {"https://prom.example", "https://evil/?https://prom.example", false},
           {"https://prom.example", "https://prom.example@evil/api", false},
           {"https://prom.example/team-a", "https://prom.example/team-a/api/v1/query?query=up", true},
           {"https://prom.example/team-a/", "https://prom.example/team-a/api/v1/query?query=up", true},
           {"https://prom.example/team-a", "https://prom.example/team-ab/api/v1/query?query=up", false},
           {"https://prom.example/team-a", "https://prom.example/team-a/../team-b/api", false},
           {"https://prom.example/team-a", "https://prom.example/?x=/team-a/", false},
           {"http://prom:9090", "http://prom:9090/api/v1/query?query=up", true},
           {"http://prom:9090", "https://prom:9090/api/v1/query?query=up", false}})
    EXPECT_EQ(*with(row.address).token_for(row.url), row.gets_it ? "secret" : "")
        << row.address << " " << row.url;
}

TEST_F(AnalysisTokensTest, TheLongestAddressThatFitsWins) {
  const AnalysisTokens tokens({*parse_token_flag("https://p/a=" + put("a", "of-a")),
                               *parse_token_flag("https://p=" + put("all", "of-all")),
                               *parse_token_flag("https://p/a/b=" + put("b", "of-b"))});
  EXPECT_EQ(*tokens.token_for("https://p/a/b/api"), "of-b");
  EXPECT_EQ(*tokens.token_for("https://p/a/api"), "of-a");
  EXPECT_EQ(*tokens.token_for("https://p/api"), "of-all");
}

TEST_F(AnalysisTokensTest, ATokenThatIsExchangedIsReadAgain) {
  const AnalysisTokens tokens = with("https://p");
  put("token", "another");
  EXPECT_EQ(*tokens.token_for("https://p/api"), "another");
  std::filesystem::remove(folder_ / "token");
  const auto none = tokens.token_for("https://p/api");
  ASSERT_FALSE(none.has_value());
  EXPECT_THAT(none.error().detail, HasSubstr("the token for https://p:443 cannot be read"));
}

TEST_F(AnalysisTokensTest, MistakesAreNamedWithTheirFix) {
  const std::string good = put("token", "secret");
  EXPECT_THAT(fault({"https://p"}), HasSubstr("https://p is not ADDRESS=FILE; write for instance"));
  EXPECT_THAT(fault({"p:9090=" + good}), HasSubstr("p:9090 is no URL of a server; write for instance"));
  EXPECT_THAT(fault({"https://p?x=" + good}), HasSubstr("is no URL of a server"));
  EXPECT_THAT(fault({"https://p=/no/such"}), HasSubstr("cannot be read from /no/such; name a file"));
  EXPECT_THAT(fault({"https://p=" + put("empty", "\n")}), HasSubstr("is empty in"));
  EXPECT_THAT(fault({"https://p=" + put("two", "a\nX-Admin: yes")}),
              HasSubstr("holds blanks or line breaks"));
  EXPECT_THAT(fault({"https://p=" + put("big", std::string(kMostTokenBytes + 1, 'x'))}),
              HasSubstr("is longer than"));
  EXPECT_THAT(fault({"https://p/=" + good, "https://P:443=" + good}),
              HasSubstr("has a token already; keep one"));
  std::vector<std::string> many;
  for (std::size_t i = 0; i <= kMostTokens; ++i) many.push_back("https://p" + std::to_string(i) + "=" + good);
  EXPECT_THAT(fault(many), HasSubstr("give at most 16"));
}

}  // namespace
}  // namespace sidestep::op
