// Left copies against an API server that answers from a script.
#include "operator/io/left_copies.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "lib/policy/pins.h"
#include "operator/io/pins.h"
#include "tests/support/builders.h"
#include "tests/support/fake_clock.h"
#include "tests/support/fake_transport.h"

namespace sidestep::op {
namespace {

using k8s::Json;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class LeftCopiesIoTest : public ::testing::Test {
 protected:
  LeftCopiesIoTest() { seen_.policy->status.pinned_sources = {"Secret/shop-db"}; }
  static Json copy(const std::string& owner, const std::string& of = "Secret/shop-db") {
    return {{"metadata",
             {{"uid", "u1"},
              {"resourceVersion", "7"},
              {"annotations", {{kCopyOfAnnotation, of}}},
              {"ownerReferences", {{{"kind", "ReloadPolicy"}, {"uid", owner}}}}}}};
  }
  void answer(const Json& object) { api_.answer(200, object.dump()); }
  void absent(int times) {
    for (int i = 0; i < times; ++i) api_.answer(404, "{}");
  }
  // One of ours is there: the kept one.
  RemoveCopy found() {
    answer(copy(build::kPolicyUid)), absent(2);
    return {left_.look(seen_).at(0).copies.at(0)};
  }

  test::FakeTransport api_;
  test::FakeClock clock_;
  k8s::Client client_{api_, clock_, [](Millis) {}};
  LeftCopies left_{client_, clock_};
  Observed seen_ = build::observed();
};

TEST_F(LeftCopiesIoTest, AsksByNameAndOnceForAWhile) {
  const RemoveCopy kept = found();
  EXPECT_THAT(kept.copy.object, HasSubstr("Secret/sidestep-kept-shop-shop-db-"));
  EXPECT_EQ(kept.copy.uid + kept.copy.version, "u17");
  for (const auto& request : api_.requests)
    EXPECT_THAT(request.target, HasSubstr("/api/v1/namespaces/prod/secrets/sidestep-"));
  left_.look(seen_);
  EXPECT_EQ(api_.requests.size(), 3u);
  clock_.advance(Seconds(301));
  absent(3);
  EXPECT_THAT(left_.look(seen_).at(0).copies, IsEmpty());
}

TEST_F(LeftCopiesIoTest, WhatAnotherPolicyOrNobodyOwnsIsNoneOfOurs) {
  answer(copy("other-uid")), answer(copy(build::kPolicyUid, "Secret/other"));
  answer({{"metadata", {{"uid", "u"}, {"annotations", {{kCopyOfAnnotation, "Secret/shop-db"}}}}}});
  const LeftPin pin = left_.look(seen_).at(0);
  EXPECT_TRUE(pin.is_known);
  EXPECT_THAT(pin.copies, IsEmpty());
}

TEST_F(LeftCopiesIoTest, RemovesTheObjectThatWasSeenAndNoOther) {
  const RemoveCopy kept = found();
  answer(Json::object());
  ASSERT_TRUE(left_.remove(seen_, kept).has_value());
  EXPECT_EQ(api_.requests.back().method, "DELETE");
  EXPECT_EQ(Json::parse(api_.requests.back().body)["preconditions"],
            Json({{"uid", "u1"}, {"resourceVersion", "7"}}));
  const LeftPin pin = left_.look(seen_).at(0);
  EXPECT_TRUE(pin.is_known);
  EXPECT_THAT(pin.copies, IsEmpty());
}

TEST_F(LeftCopiesIoTest, AnotherObjectOfThatNameIsReadAgain) {
  const RemoveCopy kept = found();
  api_.answer(409, R"({"message":"precondition"})");
  const Status removed = left_.remove(seen_, kept);
  ASSERT_FALSE(removed.has_value());
  EXPECT_EQ(removed.error().kind, ErrorKind::kConflict);
  absent(3);
  EXPECT_THAT(left_.look(seen_).at(0).copies, IsEmpty());
}

TEST_F(LeftCopiesIoTest, AMissingRightStopsNoPlanAndIsAskedForAgainLater) {
  const RemoveCopy kept = found();
  api_.answer(403, R"({"message":"cannot delete secrets"})");
  ASSERT_TRUE(left_.remove(seen_, kept).has_value());
  const LeftPin refused = left_.look(seen_).at(0);
  EXPECT_TRUE(refused.is_forbidden);
  EXPECT_FALSE(refused.is_known);
  EXPECT_THAT(refused.problem, HasSubstr("cannot delete secrets"));
  const std::size_t asked = api_.requests.size();
  clock_.advance(Seconds(29));
  left_.look(seen_);
  EXPECT_EQ(api_.requests.size(), asked);
  clock_.advance(Seconds(301));
  api_.answer(403, R"({"message":"cannot get secrets"})");
  EXPECT_TRUE(left_.look(seen_).at(0).is_forbidden);
}

}  // namespace
}  // namespace sidestep::op
