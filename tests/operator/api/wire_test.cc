// Objects of the Kubernetes API in and out.
#include "operator/api/wire.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace sidestep::api {
namespace {

using ::testing::HasSubstr;
using Json = nlohmann::json;

WallTime at(int seconds) { return WallTime{} + Seconds(1'700'000'000 + seconds); }

Json object(const Json& spec, const Json& status) {
  return {{"metadata", {{"name", "shop"}}}, {"spec", spec}, {"status", status}};
}

ReloadStatus full_reload_status() {
  ReloadStatus status;
  status.observed_generation = 1;
  status.phase = ReloadPhase::kRollingBack;
  status.start_time = at(1), status.end_time = at(9), status.progress_time = at(2),
  status.paused_time = at(3);
  status.template_hash = "abc";
  status.end_reason = "ErrorRate", status.end_message = "20 %", status.end_phase = ReloadPhase::kAborted;
  status.step = 2;
  status.pods = {5, 1, 4, 2};
  status.failed_pods = {{"shop-1", 4, "ErrorRate", "why"}};
  status.truncated = true;
  status.steps = {{1, 500, at(1), at(2), at(3), "Good"}, {5, 10'000, at(4), std::nullopt, std::nullopt}};
  status.receipt = {1, 2, 3, 4, 5, 6, 7, 8};
  status.conditions = {{"Succeeded", ConditionStatus::kFalse, "ErrorRate", "why", at(5), 1}};
  return status;
}

TEST(WireTest, ReloadStatusReadsBackToTheSameValue) {
  for (const ReloadStatus& status : {full_reload_status(), ReloadStatus{}}) {
    const auto reload = reload_from_json(object({{"policyRef", {{"name", "shop"}}}}, status_to_json(status)));
    ASSERT_TRUE(reload.has_value());
    EXPECT_EQ(reload->status, status);
  }
}

TEST(WireTest, PolicyStatusReadsBackToTheSameValue) {
  const ReloadPolicyStatus status{
      3,      {"b", "a"},    "uid-1",      "shop-0",
      "v1:d", "v1:a",        "v1:p",       "v1:t",
      at(5),  {"Secret/db"}, {3, 2, 1, 0}, {{"Ready", ConditionStatus::kUnknown, "New", "m", at(1), 3}}};
  EXPECT_EQ(policy_from_json(object({}, status_to_json(status)))->status, status);
}

// A merge patch replaces lists whole and keeps nulls inside them, which the schema refuses.
TEST(WireTest, AbsentTimesAreNullAtTheTopAndLeftOutInLists) {
  ReloadStatus status;
  status.steps = {{1, 500, at(1), std::nullopt, std::nullopt}};
  const Json json = status_to_json(status);
  EXPECT_TRUE(json["startTime"].is_null());
  EXPECT_EQ(json["steps"][0].size(), 3u);
}

TEST(WireTest, MetadataIsRead) {
  const auto meta =
      meta_from_json(Json::parse(R"({"metadata": {"name": "shop-1", "namespace": "prod", "uid": "u",
    "resourceVersion": "12", "generation": 4, "creationTimestamp": "2023-11-14T22:13:20Z", "deletionTimestamp":
    "2023-11-14T22:13:21.5Z", "annotations": {"sidestep.dev/reload": "t"}, "finalizers": ["x", "sidestep.dev/reload"]}})"));
  ASSERT_TRUE(meta.has_value());
  EXPECT_EQ(meta->creation_time, at(0));
  EXPECT_EQ(meta->deletion_time, at(1) + Millis(500));
  EXPECT_EQ(meta->annotation(kReloadAnnotation), "t");
  EXPECT_EQ(meta->annotation("other"), "");
  EXPECT_TRUE(meta->has_finalizer());
}

TEST(WireTest, PolicyWithABrokenSpecIsReadSoThatItsStatusCanSaySo) {
  const auto policy = policy_from_json(object({{"historyLimit", 0}}, Json::object()));
  ASSERT_TRUE(policy.has_value());
  EXPECT_THAT(policy->spec_error, HasSubstr("historyLimit: 0: is out of range"));
}

TEST(WireTest, UnknownStatusFieldsAreLeftAlone) {
  EXPECT_TRUE(policy_from_json(object({}, {{"newThing", 1}})).has_value());
}

TEST(WireTest, WrongTypesAreNamed) {
  const auto reload = reload_from_json(object({{"token", 5}}, {}));
  ASSERT_FALSE(reload.has_value());
  EXPECT_THAT(reload.error().detail, HasSubstr("shop: a field has the wrong type: type must be string"));
  EXPECT_FALSE(reload_from_json(object({}, {{"steps", 5}})).has_value());
  EXPECT_FALSE(policy_from_json(object({}, {{"handledTokens", "a"}})).has_value());
  EXPECT_TRUE(reload_from_json(Json::array()).has_value());  // nothing known, nothing wrong
}

TEST(WireTest, NewReloadHasNameAndImmutableSpec) {
  EXPECT_EQ(
      new_reload_json("prod", "shop-1", {"shop", "t1", "config"}),
      Json::parse(R"({"apiVersion": "sidestep.dev/v1alpha1", "kind": "Reload", "metadata": {"name": "shop-1",
              "namespace": "prod"}, "spec": {"policyRef": {"name": "shop"}, "token": "t1", "reason": "config"}})"));
}

TEST(WireTest, PodAndContentOfAReloadAreWrittenWhereTheySaySomethingAndReadBack) {
  const ReloadSpec spec{"shop", "t1", "", "shop-1", ReloadContent::kPrevious};
  const Json made = new_reload_json("prod", "shop-1", spec);
  EXPECT_EQ(made["spec"]["podName"], "shop-1");
  EXPECT_EQ(made["spec"]["content"], "Previous");
  const auto read = reload_from_json(made);
  ASSERT_TRUE(read.has_value());
  EXPECT_EQ(read->spec.pod, "shop-1");
  EXPECT_EQ(read->spec.content, ReloadContent::kPrevious);
}

TEST(WireTest, TimesAreReadInEveryFormOfTheStandard) {
  EXPECT_EQ(parse_time("2023-11-14T22:13:20Z"), at(0));
  EXPECT_EQ(parse_time("2023-11-14T22:13:20.125Z"), at(0) + Millis(125));
  EXPECT_EQ(parse_time("2023-11-14T22:13:20.125999Z"), at(0) + Millis(125));
  EXPECT_EQ(parse_time("2023-11-15T00:13:20+02:00"), at(0));
  EXPECT_EQ(parse_time("2023-11-14T21:43:20-00:30"), at(0));
  for (const char* bad :
       {"", "2023-11-14", "2023-11-14T22:13:20", "2023-13-14T22:13:20Z", "2023-02-30T22:13:20Z",
        "2023-11-14T25:13:20Z", "2023-11-14T22:13:20+2:00", "2023-11-14T22:1x:20Z", "0000-11-14T22:13:20Z"}) {
    EXPECT_EQ(parse_time(bad), std::nullopt) << bad;
  }
}

}  // namespace
}  // namespace sidestep::api
