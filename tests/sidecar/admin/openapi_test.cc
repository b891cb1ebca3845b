// docs/api/control.openapi.yaml lists the calls of the server, no more and no fewer, and every field that the
// server writes. Answers of a running program are held against it by tests/integration/control.
#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "sidecar/admin/api.h"

namespace sidestep::sidecar {
namespace {

std::string document() {
  std::ifstream file(std::string(SIDESTEP_SOURCE_DIR) + "/docs/api/control.openapi.yaml");
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

// The block style of the file: "  /path:" and under it "    get:".
std::vector<std::string> documented_calls() {
  std::vector<std::string> calls;
  std::istringstream lines(document());
  std::string path;
  for (std::string line; std::getline(lines, line);) {
    if (line.rfind("  /", 0) == 0) path = line.substr(2, line.find(':') - 2);
    for (const std::string method : {"get", "post", "put", "delete", "patch"}) {
      if (line != "    " + method + ":") continue;
      std::string name = method;
      std::transform(name.begin(), name.end(), name.begin(),
                     [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
      calls.push_back(name + " " + path);
    }
  }
  return calls;
}

void expect_documented(const nlohmann::json& json, const std::string& text) {
  for (const auto& [name, value] : json.items()) {
    const bool is_number = !name.empty() && std::isdigit(static_cast<unsigned char>(name.front())) != 0;
    if (json.is_object() && !is_number) {
      EXPECT_NE(text.find("        " + name + ":"), std::string::npos) << name;
    }
    if (value.is_structured() && name != "exit") expect_documented(value, text);
  }
}

TEST(OpenApi, ListsTheCallsOfTheServer) { EXPECT_EQ(documented_calls(), ControlApi::calls()); }

TEST(OpenApi, NamesEveryFieldOfAStatus) {
  wire::Status status;
  status.active.emplace();
  status.reload.emplace();
  status.reload->receipt.requests = {{1, 1}};
  status.reload->judged_active.latency.buckets[0] = 1;
  expect_documented(nlohmann::json::parse(wire::write(status)), document());
}

}  // namespace
}  // namespace sidestep::sidecar
