// Every document in tests/http_cases: raw bytes and what must be understood, whole, cut in two at every
// place, and byte by byte. The three must agree, so that no peer can change a message's meaning by the way it
// sends it.
#include <gtest/gtest.h>

#include <map>

#include "tests/lib/http/case_file.h"
#include "tests/lib/http/connection_log.h"
#include "tests/lib/http/forward_case.h"

namespace sidestep::http::cases {
namespace {

class HttpCase : public ::testing::TestWithParam<Case> {};

ConnectionLog connection_for(const Case& c) {
  constexpr std::string_view kToMethod = "response to ";
  if (c.kind == "request") return ConnectionLog(true);
  if (c.kind == "response") return ConnectionLog(false);
  if (c.kind.starts_with(kToMethod)) return ConnectionLog(false, method_of(c.kind.substr(kToMethod.size())));
  throw std::runtime_error(c.where + ": unknown kind of bytes: " + c.kind);
}

std::string run(const Case& c, const std::vector<std::string_view>& pieces) {
  ConnectionLog log = connection_for(c);
  for (const std::string_view piece : pieces) log.feed(piece);
  return log.finish();
}

std::vector<std::string_view> one_by_one(std::string_view bytes) {
  std::vector<std::string_view> pieces;
  for (std::size_t i = 0; i < bytes.size(); ++i) pieces.push_back(bytes.substr(i, 1));
  return pieces;
}

TEST_P(HttpCase, MeansTheSameHoweverItIsCut) {
  const Case& c = GetParam();
  if (c.kind.starts_with("forward")) {
    EXPECT_EQ(forwarded(c), c.out) << c.where << ": " << c.title;
    return;
  }
  const std::string_view bytes = c.in;
  ASSERT_EQ(run(c, {bytes}), c.out) << c.where << ": " << c.title;
  ASSERT_EQ(run(c, one_by_one(bytes)), c.out) << c.where << ", byte by byte";
  for (std::size_t cut = 1; cut < bytes.size(); ++cut) {
    ASSERT_EQ(run(c, {bytes.substr(0, cut), bytes.substr(cut)}), c.out) << c.where << ", cut at " << cut;
  }
}

const std::vector<Case>& all_cases() {
  static const std::vector<Case> cases = read_folder(SIDESTEP_SOURCE_DIR "/tests/http_cases");
  return cases;
}

// "head_lines_007": the document and the number of the case in it.
std::string name_of(const ::testing::TestParamInfo<Case>& info) {
  std::string name = info.param.where;
  name.erase(name.find(".md"), 3);
  for (char& c : name) c = std::isalnum(static_cast<unsigned char>(c)) != 0 ? c : '_';
  return name;
}

INSTANTIATE_TEST_SUITE_P(Documents, HttpCase, ::testing::ValuesIn(all_cases()), name_of);

TEST(HttpCases, TheDocumentsAreThere) { EXPECT_GE(all_cases().size(), 150U); }

TEST(HttpCases, EveryCaseHasBytesAndAnExpectation) {
  for (const Case& c : all_cases())
    EXPECT_TRUE(!c.in.empty() && !c.out.empty()) << c.where << ": " << c.title;
}

TEST(HttpCases, TitlesAreUnique) {
  std::map<std::string, std::string> seen;
  for (const Case& c : all_cases())
    EXPECT_TRUE(seen.emplace(c.title, c.where).second) << c.where << ": " << c.title;
}

}  // namespace
}  // namespace sidestep::http::cases
