// Holds the schema in crds/ against lib/policy: the same fields, the same defaults, the same ranges; and
// against the status structs: nothing that the operator writes is pruned by the API server.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>

#include "lib/policy/document.h"
#include "lib/policy/spec.h"
#include "operator/api/wire.h"

namespace sidestep::api {
namespace {

using Json = nlohmann::json;
using ::testing::HasSubstr;
using ::testing::Not;

Json to_json(const policy::Value& value) {
  if (value.kind == policy::ValueKind::kNull) return {};
  if (value.kind == policy::ValueKind::kScalar) {
    const Json plain = value.quoted ? Json() : Json::parse(value.text, nullptr, false);
    return plain.is_number() || plain.is_boolean() ? plain : Json(value.text);
  }
  Json out = value.kind == policy::ValueKind::kList ? Json::array() : Json::object();
  for (const auto& item : value.items) out.push_back(to_json(item));
  for (const auto& [key, member] : value.members) out[key] = to_json(member);
  return out;
}

Json schema(const std::string& resource) {
  std::ifstream file(std::string(SIDESTEP_SOURCE_DIR) + "/crds/" + resource + ".yaml");
  std::stringstream text;
  text << file.rdbuf();
  const auto document = policy::parse_document(text.str(), resource);
  EXPECT_TRUE(document.has_value());
  return to_json(*document)["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"];
}

using Leaves = std::map<std::string, Json>;

// Every leaf of the schema by its path, for instance "rollout.steps[].pauseSeconds".
void collect(const Json& node, const std::string& path, Leaves& out) {
  if (node.contains("items")) return collect(node["items"], path + "[]", out);
  if (!node.contains("properties")) {
    out[path] = node;
    return;
  }
  for (const auto& [name, child] : node["properties"].items())
    collect(child, path.empty() ? name : path + "." + name, out);
}

Leaves leaves_of_schema(const std::string& resource, const std::string& part) {
  Leaves out;
  collect(schema(resource)[part], "", out);
  return out;
}

void collect_values(const Json& value, const std::string& path, Leaves& out) {
  if (value.is_array()) {
    for (const Json& item : value) collect_values(item, path + "[]", out);
  } else if (value.is_object() && !value.empty()) {
    for (const auto& [name, child] : value.items())
      collect_values(child, path.empty() ? name : path + "." + name, out);
  } else {
    out[path] = value;
  }
}

Leaves leaves_of(const Json& value) {
  Leaves out;
  collect_values(value, "", out);
  return out;
}

// A bare spec that sets the leaf at `path` to `value` and nothing else.
std::string spec_with(std::string path, Json value) {
  while (!path.empty()) {
    const auto dot = path.rfind('.');
    std::string name = dot == std::string::npos ? path : path.substr(dot + 1);
    if (name.ends_with("[]")) {
      value = Json::array({std::move(value)});
      name.resize(name.size() - 2);
    }
    value = Json{{name, std::move(value)}};
    path.resize(dot == std::string::npos ? 0 : dot);
  }
  return value.dump();
}

std::string complaints(const std::string& spec) {
  const auto parsed = policy::parse_policy(spec, "spec");
  return parsed ? "" : parsed.error().detail;
}

TEST(CrdTest, DefaultsAreThoseOfTheSpec) {
  const Leaves written = leaves_of(Json::parse(policy::policy_to_json(policy::PolicySpec{})));
  std::set<std::string> checked;
  for (const auto& [path, leaf] : leaves_of_schema("reloadpolicies", "spec")) {
    if (!leaf.contains("default") || !written.contains(path)) continue;
    EXPECT_EQ(leaf["default"], written.at(path)) << path;
    checked.insert(path);
  }
  // Either of two units may be set, so the server must not fill in one; an absent list is an empty one.
  for (const char* path : {"readiness.periodSeconds", "readiness.timeoutSeconds", "readiness.tcpSocket",
                           "config", "triggers.configMaps", "triggers.secrets"}) {
    EXPECT_FALSE(checked.contains(path)) << path;
    checked.insert(path);
  }
  for (const auto& [path, value] : written)
    EXPECT_TRUE(checked.contains(path)) << path << " has no default in the schema";
}

TEST(CrdTest, DefaultsOfWholeObjectsAgreeWithThoseOfTheirFields) {
  const Json spec = schema("reloadpolicies")["spec"];
  std::function<void(const Json&, const std::string&)> visit = [&](const Json& node,
                                                                   const std::string& path) {
    const Json fields = node.value("properties", Json::object());
    for (const auto& [name, child] : fields.items()) visit(child, path + "." + name);
    if (!node.contains("properties") || !node.contains("default")) return;
    for (const auto& [name, value] : node["default"].items()) {
      EXPECT_EQ(node["properties"][name]["default"], value) << path << "." << name;
    }
  };
  visit(spec, "spec");
}

TEST(CrdTest, EveryFieldOfTheSchemaIsReadByTheParser) {
  for (const auto& [path, leaf] : leaves_of_schema("reloadpolicies", "spec")) {
    EXPECT_THAT(complaints(spec_with(path, nullptr)), Not(HasSubstr("not a known field"))) << path;
  }
}

TEST(CrdTest, RangesAndEnumsAreThoseOfTheParser) {
  int ranges = 0;
  for (const auto& [path, leaf] : leaves_of_schema("reloadpolicies", "spec")) {
    const Json words = leaf.value("enum", Json::array());
    for (const Json& word : words) {
      EXPECT_THAT(complaints(spec_with(path, word)), Not(HasSubstr("none of the known values")))
          << path << word;
    }
    if (!leaf.contains("minimum")) continue;
    ++ranges;
    const std::int64_t least = leaf["minimum"];
    const std::int64_t most = leaf["maximum"];
    for (const std::int64_t inside : {least, most}) {
      EXPECT_THAT(complaints(spec_with(path, inside)),
                  Not(::testing::AnyOf(HasSubstr("out of range"), HasSubstr("not a number"))))
          << path << " " << inside;
    }
    for (const std::int64_t outside : {least - 1, most + 1})
      EXPECT_NE(complaints(spec_with(path, outside)), "") << path;
  }
  EXPECT_GT(ranges, 20);
}

TEST(CrdTest, EveryListMapAndStringIsBounded) {
  std::function<void(const Json&, const std::string&)> visit = [&](const Json& node,
                                                                   const std::string& path) {
    const std::string type = node.value("type", "");
    const bool is_bounded = node.contains("maxLength") || node.contains("enum") || node.contains("format");
    EXPECT_TRUE(type != "array" || node.contains("maxItems")) << path;
    EXPECT_TRUE(type != "string" || is_bounded) << path;
    EXPECT_TRUE(!node.contains("additionalProperties") || node.contains("maxProperties")) << path;
    EXPECT_TRUE(!node.contains("x-kubernetes-int-or-string") || is_bounded) << path;
    const Json fields = node.value("properties", Json::object());
    for (const auto& [name, child] : fields.items()) visit(child, path + "." + name);
    if (node.contains("items")) visit(node["items"], path + "[]");
    if (node.contains("additionalProperties")) visit(node["additionalProperties"], path + "{}");
  };
  for (const char* resource : {"reloadpolicies", "reloads"}) {
    for (const char* part : {"spec", "status"})
      visit(schema(resource)[part], std::string(resource) + "." + part);
  }
}

TEST(CrdTest, EveryStatusFieldOfAReloadIsInTheSchemaAndTheOtherWayRound) {
  ReloadStatus status;
  status.steps = {{1, 2, WallTime{}, WallTime{}, WallTime{}, "Good"}};
  status.failed_pods = {{"a", 1, "b", "c"}};
  status.metrics = {{"a", "Good", "1", "b", 1, 0, WallTime{}}};
  status.webhooks = {{"a", 1, true, "b", 1, 0, WallTime{}}};
  status.conditions = {{"a", ConditionStatus::kTrue, "b", "c", WallTime{}, 1}};
  const Leaves written = leaves_of(status_to_json(status));
  const Leaves known = leaves_of_schema("reloads", "status");
  for (const auto& [path, value] : written) EXPECT_TRUE(known.contains(path)) << path << " would be pruned";
  for (const auto& [path, leaf] : known) EXPECT_TRUE(written.contains(path)) << path << " is never written";
}

TEST(CrdTest, EveryStatusFieldOfAPolicyIsInTheSchemaAndTheOtherWayRound) {
  ReloadPolicyStatus status;
  status.handled_tokens = {"t"};
  status.last_schedule_time = WallTime{};
  status.pinned_sources = {"Secret/a"};
  status.conditions = {{"a", ConditionStatus::kTrue, "b", "c", WallTime{}, 1}};
  const Leaves written = leaves_of(status_to_json(status));
  const Leaves known = leaves_of_schema("reloadpolicies", "status");
  for (const auto& [path, value] : written) EXPECT_TRUE(known.contains(path)) << path << " would be pruned";
  for (const auto& [path, leaf] : known) EXPECT_TRUE(written.contains(path)) << path << " is never written";
}

}  // namespace
}  // namespace sidestep::api
