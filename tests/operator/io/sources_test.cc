#include "operator/io/sources.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "lib/policy/signature.h"
#include "operator/io/sidecar_wire.h"
#include "operator/io/views.h"

namespace sidestep::op {
namespace {

using policy::sha256_hex;
using policy::SourceKind;

TEST(Sources, DigestsAreOverTheBytesThatAPodSees) {
  const auto config = k8s::Json::parse(R"({"data":{"a":"x"},"binaryData":{"b":"eQ=="}})");
  EXPECT_EQ(digests_of(SourceKind::kConfigMap, config),
            (policy::Digests{{"a", sha256_hex("x")}, {"b", sha256_hex("y")}}));
  const auto secret = k8s::Json::parse(R"({"data":{"password":"eQ=="}})");
  EXPECT_EQ(digests_of(SourceKind::kSecret, secret), (policy::Digests{{"password", sha256_hex("y")}}));
  EXPECT_TRUE(digests_of(SourceKind::kSecret, k8s::Json::object()).empty());
}

TEST(Sources, SidecarSaysWhatItsMountsHold) {
  const auto status = sidecar_status_from_text(
      R"({"sources":[{"name":"ConfigMap/c","keys":{"a":"00","odd":5}},{"name":"broken"},7]})");
  ASSERT_EQ(status->sources.size(), 1u);
  EXPECT_EQ(status->sources[0], (policy::SourceContent{"ConfigMap/c", {{"a", "00"}}}));
}

TEST(Sources, PodMountsConfigWhenAVolumeIsAConfigMapOrSecretOfItsOwn) {
  const auto mounts = [](const std::string& volume) {
    return pod_view(k8s::Json::parse(R"({"metadata":{"name":"p"},"spec":{"volumes":[)" + volume + "]}}"))
        ->mounts_config;
  };
  EXPECT_TRUE(mounts(R"({"name":"c","configMap":{"name":"shop-config"}})"));
  EXPECT_TRUE(mounts(R"({"name":"s","secret":{"secretName":"shop-db"}})"));
  EXPECT_TRUE(mounts(R"({"name":"p","projected":{"sources":[{"secret":{"name":"s"}}]}})"));
  EXPECT_FALSE(mounts(R"({"name":"t","configMap":{"name":"sidestep-trust"}})"));
  EXPECT_FALSE(mounts(
      R"({"name":"kube-api-access-x","projected":{"sources":[{"configMap":{"name":"kube-root-ca.crt"}}]}})"));
  EXPECT_FALSE(mounts(R"({"name":"e","emptyDir":{}})"));
}

}  // namespace
}  // namespace sidestep::op
