// Copies of pinned sources against an API server that answers from a script.
#include "operator/io/pins.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "lib/k8s/base64.h"
#include "lib/policy/signature.h"
#include "operator/core/triggers.h"
#include "operator/io/fixed_uses.h"
#include "tests/support/builders.h"
#include "tests/support/fake_clock.h"
#include "tests/support/fake_transport.h"

namespace sidestep::op {
namespace {

using k8s::Json;
using policy::Copy;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class PinKeeperTest : public ::testing::Test {
 protected:
  PinKeeperTest() {
    policy::Source source{policy::SourceKind::kConfigMap, "shop-config", {}, {"*.md"}};
    source.mode = policy::SourceMode::kPinned;
    seen_.policy->spec.triggers.sources = {source};
    seen_.sources.contents = {{"ConfigMap/shop-config", {}}};
  }
  void answer(const Json& object) { api_.answer(200, object.is_null() ? "{}" : object.dump()); }
  void absent(int times) {
    for (int i = 0; i < times; ++i) api_.answer(404, "{}");
  }
  Json body() { return Json::parse(api_.requests.back().body); }
  std::string hash_of(const policy::Digests& digests) {
    return keyed_hash("key", policy::content_hash({{"ConfigMap/shop-config", digests}}));
  }

  test::FakeTransport api_;
  test::FakeClock clock_;
  k8s::Client client_{api_, clock_, [](Millis) {}};
  PinKeeper keeper_{client_, clock_, [] { return std::string("key"); }};
  Observed seen_ = build::observed();
};

TEST_F(PinKeeperTest, ReadsOnceAndAgainAfterAWhile) {
  absent(3);
  const ObservedPins first = keeper_.look(seen_);
  EXPECT_TRUE(first.is_known);
  EXPECT_EQ(first.pins.at(0).kept.maker, "");
  EXPECT_TRUE(keeper_.look(seen_).is_known);
  EXPECT_EQ(api_.requests.size(), 3u);
  clock_.advance(Seconds(301));
  absent(3);
  keeper_.look(seen_);
  EXPECT_EQ(api_.requests.size(), 6u);
}

TEST_F(PinKeeperTest, CopyHoldsTheDataAndNothingElseOfItsSource) {
  absent(3);
  keeper_.look(seen_);
  answer({{"metadata", {{"labels", {{"a", "b"}}}, {"annotations", {{"c", "d"}}}}},
          {"data", {{"a.yaml", "x"}, {"README.md", "y"}}},
          {"binaryData", {{"b", "eQ=="}}},
          {"immutable", true}});
  answer({});
  const auto done = keeper_.copy_sources(seen_, {Copy::kKept, kFirstSight, ""});
  ASSERT_TRUE(done.has_value());
  const Json made = body();
  const std::string name = policy::copy_name("shop", seen_.policy->spec.triggers.sources[0], Copy::kKept);
  EXPECT_EQ(made["metadata"]["name"], name);
  EXPECT_FALSE(made["metadata"].contains("labels"));
  EXPECT_EQ(made["metadata"]["annotations"].size(), 3u);
  EXPECT_EQ(made["metadata"]["ownerReferences"][0]["uid"], build::kPolicyUid);
  EXPECT_EQ(made["data"].size(), 2u) << "keys that do not count are in the mounts too";
  EXPECT_EQ(made["binaryData"]["b"], "eQ==");
  EXPECT_FALSE(made.contains("immutable"));
  const ObservedPins now = keeper_.look(seen_);
  EXPECT_EQ(now.pins[0].kept.maker, kFirstSight);
  EXPECT_EQ(now.pins[0].kept.hash,
            hash_of({{"a.yaml", policy::sha256_hex("x")}, {"b", policy::sha256_hex("y")}}));
  EXPECT_EQ(now.pins[0].kept.digests.size(), 3u);
}

TEST_F(PinKeeperTest, OtherContentThanAskedForIsNotTaken) {
  answer({{"data", {{"a", "new"}}}});
  const auto done = keeper_.copy_sources(seen_, {Copy::kKept, kFirstSight, hash_of({{"a", "old"}})});
  ASSERT_FALSE(done.has_value());
  EXPECT_EQ(done.error().kind, ErrorKind::kConflict);
  EXPECT_EQ(api_.requests.size(), 1u);
}

TEST_F(PinKeeperTest, CopyTakesThePlaceOfAnotherWithItsMarks) {
  absent(3);
  keeper_.look(seen_);
  answer({{"metadata",
           {{"annotations", {{kCopyMakerAnnotation, "r1"}, {kCopyHashAnnotation, "h1"}}}}},
          {"data", {{"a", "x"}}}});
  answer({});
  ASSERT_TRUE(keeper_.clone(seen_, {0, Copy::kStaged, Copy::kKept, ""}).has_value());
  EXPECT_EQ(body()["metadata"]["annotations"][kCopyMakerAnnotation], "r1");
  EXPECT_EQ(keeper_.look(seen_).pins[0].kept.hash, "h1");
  absent(1);
  const auto gone = keeper_.clone(seen_, {0, Copy::kStaged, Copy::kKept, ""});
  ASSERT_FALSE(gone.has_value());
  EXPECT_EQ(gone.error().kind, ErrorKind::kConflict);
}

TEST_F(PinKeeperTest, MissingRightIsToldAndAskedForAgain) {
  api_.answer(403, R"({"message":"cannot get configmaps"})");
  const ObservedPins refused = keeper_.look(seen_);
  EXPECT_FALSE(refused.is_known);
  EXPECT_TRUE(refused.is_forbidden);
  EXPECT_THAT(refused.problem, HasSubstr("cannot get configmaps"));
  absent(3);
  EXPECT_TRUE(keeper_.look(seen_).is_known);
}

TEST(FixedUses, EnvironmentPartsAndProjectionsOfAppContainersAreNamed) {
  const Json spec = Json::parse(R"({
    "initContainers": [{"name": "sidestep", "envFrom": [{"configMapRef": {"name": "no"}}]}],
    "containers": [{"name": "shop", "envFrom": [{"configMapRef": {"name": "a"}}, {"secretRef": {"name": "b"}}],
      "env": [{"name": "X", "valueFrom": {"secretKeyRef": {"name": "c", "key": "k"}}}, {"name": "Y", "value": "v"}],
      "volumeMounts": [{"name": "v", "mountPath": "/a", "subPath": "x"}, {"name": "w", "mountPath": "/b"},
                       {"name": "p", "mountPath": "/p"}]}],
    "volumes": [{"name": "v", "configMap": {"name": "d"}}, {"name": "w", "configMap": {"name": "whole"}},
                {"name": "p", "projected": {"sources": [{"secret": {"name": "e"}}, {"configMap": {"name": "kube-root-ca.crt"}}]}}]})");
  EXPECT_THAT(fixed_uses(spec),
              ElementsAre(FixedUse{"ConfigMap/a", "container shop: envFrom"},
                          FixedUse{"Secret/b", "container shop: envFrom"},
                          FixedUse{"Secret/c", "container shop: env X"},
                          FixedUse{"ConfigMap/d", "container shop: subPath x"},
                          FixedUse{"Secret/e", "container shop: projected volume p"}));
  EXPECT_TRUE(fixed_uses(Json(5)).empty());
}

}  // namespace
}  // namespace sidestep::op
