// The webhook's answers, and when its certificates are made anew.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "lib/front/tls_certificate.h"
#include "lib/k8s/base64.h"
#include "operator/io/admission.h"
#include "operator/io/webhook_certificate.h"

namespace sidestep::op {
namespace {

using k8s::Json;
using ::testing::AllOf;
using ::testing::HasSubstr;

Json pod(const std::string& container) {
  Json object =
      Json::parse(R"({"metadata": {"generateName": "shop-abc-", "labels": {"pod-template-hash": "abc"},
    "ownerReferences": [{"kind": "ReplicaSet", "name": "shop-abc", "controller": true}]}, "spec": {"priority": 0}})");
  object["spec"]["containers"] = Json::array({Json::parse(container)});
  return object;
}

Json review(
    const Json& object, const PolicyLookup& policies = [](const PodOrigin&) { return std::nullopt; }) {
  const Json body = {
      {"apiVersion", "admission.k8s.io/v1"},
      {"kind", "AdmissionReview"},
      {"request", {{"uid", "u1"}, {"namespace", "ns"}, {"kind", {{"kind", "Pod"}}}, {"object", object}}}};
  const auto answer = answer_review(body.dump(), "sidecar:1", policies);
  EXPECT_TRUE(answer) << (answer ? "" : answer.error().detail);
  return answer ? Json::parse(*answer)["response"] : Json();
}

constexpr const char* kGood = R"({"name": "a", "command": ["x"], "ports": [{"containerPort": 8080}]})";

TEST(Admission, PatchedPodHasTheSidecarAndKeepsTheRest) {
  const Json object = pod(kGood);
  const Json response = review(object);
  EXPECT_EQ(response["uid"], "u1");
  EXPECT_TRUE(response["allowed"]);
  const Json patched = object.patch(Json::parse(*k8s::base64_decode(response["patch"].get<std::string>())));
  EXPECT_EQ(patched["spec"]["initContainers"][0]["image"], "sidecar:1");
  EXPECT_EQ(patched["spec"]["containers"][0]["command"], (Json{"/sidestep/sidestep-launch", "--", "x"}));
  EXPECT_EQ(patched["spec"]["priority"], 0);
  EXPECT_FALSE(review(patched).contains("patch"));
}

TEST(Admission, RefusalSaysTheLineToAdd) {
  const Json response = review(pod(R"({"name": "a", "ports": [{"containerPort": 8080}]})"));
  EXPECT_FALSE(response["allowed"]);
  EXPECT_THAT(
      response["status"]["message"].get<std::string>(),
      AllOf(HasSubstr("Pod/shop-abc-: spec.containers[a].command: absent"), HasSubstr("add command:")));
}

TEST(Admission, OfTwoContainersTheOneWithPortsIsTheAppAndTheOtherStaysAsItIs) {
  const std::string second =
      R"({"name": "log", "command": ["tail"], "livenessProbe": {"exec": {"command": ["true"]}})";
  const auto with = [&](const std::string& more, const Json& annotations) {
    Json object = pod(kGood);
    object["spec"]["containers"].insert(object["spec"]["containers"].begin(),
                                        Json::parse(second + more + "}"));
    object["metadata"]["annotations"] = annotations;
    return object;
  };
  const auto patched = [](const Json& object) {
    const Json response = review(object);
    EXPECT_TRUE(response["allowed"]) << response.dump();
    return object.patch(Json::parse(*k8s::base64_decode(response["patch"].get<std::string>())));
  };
  const Json plain = with("", nullptr);
  Json made = patched(plain);
  EXPECT_EQ(made["spec"]["containers"][0], plain["spec"]["containers"][0]);
  EXPECT_EQ(made["spec"]["containers"][1]["command"], (Json{"/sidestep/sidestep-launch", "--", "x"}));
  const std::string ports = R"(, "ports": [{"containerPort": 9000}])";
  EXPECT_THAT(review(with(ports, nullptr))["status"]["message"].get<std::string>(),
              HasSubstr("add the annotation sidestep.dev/container: log"));
  made = patched(with(ports, {{"sidestep.dev/container", "log"}}));
  EXPECT_EQ(made["spec"]["containers"][0]["command"], (Json{"/sidestep/sidestep-launch", "--", "tail"}));
  EXPECT_EQ(made["spec"]["containers"][1]["command"], Json{"x"});
}

TEST(Admission, ReviewWhoseFieldsAreOfAnotherKindIsNoException) {
  for (
      const char* object :
      {R"({"metadata": null, "spec": {}})",
       R"({"metadata": {"labels": [1], "ownerReferences": {"a": 7}}, "spec": 7})",
       R"({"metadata": {"ownerReferences": [7, null, {"controller": "true"}], "annotations": [], "name": {}}})"})
    EXPECT_EQ(review(Json::parse(object))["uid"], "u1") << object;
}

TEST(Admission, PolicyIsLookedUpByTheWorkloadBehindTheReplicaSet) {
  const Json response = review(pod(kGood), [](const PodOrigin& origin) {
    EXPECT_EQ(origin.name_space + "/" + origin.kind + "/" + origin.name, "ns/Deployment/shop");
    policy::PolicySpec spec;
    spec.expose_generation = true;
    return FoundPolicy{"shop", spec};
  });
  EXPECT_THAT(*k8s::base64_decode(response["patch"].get<std::string>()), HasSubstr("exposeGeneration"));
}

TEST(Admission, PodOfAPolicyThatPinsGetsTheVolumesOfItsCopies) {
  const auto shop = [](const PodOrigin&) {
    policy::PolicySpec spec;
    spec.config = {{"/etc/shop", policy::SnapshotMode::kPinned}};
    spec.triggers.sources = {{policy::SourceKind::kConfigMap, "shop-config", {}, {}, policy::SourceMode::kPinned}};
    return FoundPolicy{"shop", spec};
  };
  Json made = pod(R"({"name": "a", "command": ["x"], "ports": [{"containerPort": 8080}],
              "volumeMounts": [{"name": "c", "mountPath": "/etc/shop"}]})");
  made["spec"]["volumes"] = {{{"name", "c"}, {"configMap", {{"name", "shop-config"}}}}};
  Json response = review(made, shop);
  EXPECT_THAT(*k8s::base64_decode(response["patch"].get<std::string>()),
              AllOf(HasSubstr("sidestep-kept-shop-shop-config-"), HasSubstr("SIDESTEP_PINS")));
  made["spec"]["containers"][0]["envFrom"] = {{{"configMapRef", {{"name", "shop-config"}}}}};
  response = review(made, shop);
  EXPECT_TRUE(response["allowed"]) << "a pod must start all the same";
  EXPECT_THAT(response["warnings"][0].get<std::string>(), HasSubstr("cannot be pinned"));
}

// Before, all pods of a workload were refused from the moment on that such a policy was applied.
TEST(Admission, APolicyThatAsksLessThanTheProbeIsAWarningAndNoRefusal) {
  const Json response = review(pod(R"({"name": "a", "command": ["x"], "ports": [{"containerPort": 8080}],
              "readinessProbe": {"httpGet": {"port": 8080, "path": "/ready"}}})"),
                               [](const PodOrigin&) { return FoundPolicy{"p", policy::PolicySpec{}}; });
  EXPECT_TRUE(response["allowed"]) << response;
  EXPECT_TRUE(response.contains("patch"));
  EXPECT_THAT(
      response["warnings"][0].get<std::string>(),
      AllOf(HasSubstr("readinessProbe.httpGet.path: /ready"), HasSubstr("only checks that the port opens")));
}

TEST(Admission, WhatIsNoReviewIsAnError) {
  EXPECT_FALSE(answer_review("{}", "i", {}));
  EXPECT_FALSE(answer_review("[", "i", {}));
  EXPECT_FALSE(answer_review(R"({"kind": "AdmissionReview", "request": 1})", "i", {}));
}

// Anybody in the cluster may send these.
TEST(Admission, HostileReviewsAreAnErrorAndNoCrash) {
  const std::string head = R"({"kind": "AdmissionReview", "request": {"uid": "x", "a": )";
  const auto deep = [&](std::size_t levels) {
    return head + std::string(levels, '[') + std::string(levels, ']') + "}}";
  };
  EXPECT_FALSE(answer_review(deep(200'000), "i", {}));
  EXPECT_TRUE(answer_review(deep(60), "i", {}));
  Json object = pod(kGood);
  for (const Json& controller : {Json("x"), Json(1), Json(nullptr), Json::array()}) {
    object["metadata"]["ownerReferences"][0]["controller"] = controller;
    EXPECT_TRUE(review(object)["allowed"]);
  }
}

const std::vector<std::string> kNames{"w.ns.svc", "127.0.0.1"};
const WallTime kBegin = WallTime{} + std::chrono::hours(24 * 365 * 30);
WallTime day(int days) { return kBegin + std::chrono::hours(24 * days); }

TEST(WebhookCertificateTest, FreshEntriesAreKept) {
  const auto made = renewed({}, kNames, kBegin);
  ASSERT_TRUE(made);
  EXPECT_FALSE(renewed(*made, kNames, day(59)));
  EXPECT_EQ((*front::TlsCertificate::from_pem(made->at("tls.crt"), made->at("tls.key")))->names(),
            std::vector<std::string>{"w.ns.svc"});
}

TEST(WebhookCertificateTest, CertificateIsRenewedAMonthBeforeItsEndByTheSameAuthority) {
  const auto first = renewed({}, kNames, kBegin), second = renewed(*first, kNames, day(61));
  ASSERT_TRUE(second);
  EXPECT_EQ(first->at("ca.crt"), second->at("ca.crt"));
  EXPECT_NE(first->at("tls.crt"), second->at("tls.crt"));
}

TEST(WebhookCertificateTest, AuthorityIsFollowedAYearBeforeItsEndAndBothAreTrusted) {
  auto entries = *renewed({}, kNames, kBegin);
  entries = *renewed(entries, kNames, day(3650 - 400));  // a fresh certificate
  const auto next = renewed(entries, kNames, day(3650 - 364));
  ASSERT_TRUE(next);
  EXPECT_TRUE(next->at("ca.crt").ends_with(entries.at("ca.crt")));
  EXPECT_GT(next->at("ca.crt").size(), entries.at("ca.crt").size());
}

TEST(WebhookCertificateTest, BrokenEntriesAndOtherNamesAreMadeAnew) {
  const auto made = *renewed({}, kNames, kBegin);
  auto broken = made;
  broken["tls.key"] = "x";
  EXPECT_EQ(renewed(broken, kNames, kBegin)->at("ca.crt"), made.at("ca.crt"));
  broken["ca.key"] = "x";
  EXPECT_NE(renewed(broken, kNames, kBegin)->at("ca.crt"), made.at("ca.crt"));
  EXPECT_TRUE(renewed(made, {"other.ns.svc"}, kBegin));
}

}  // namespace
}  // namespace sidestep::op
