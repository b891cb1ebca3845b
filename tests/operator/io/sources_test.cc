#include "operator/io/sources.h"

#include <gtest/gtest.h>

#include <condition_variable>
#include <mutex>
#include <nlohmann/json.hpp>

#include "lib/policy/signature.h"
#include "operator/io/sidecar_wire.h"
#include "operator/io/views.h"
#include "tests/support/fake_clock.h"
#include "tests/support/fake_transport.h"

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

// Answers nobody.
class SilentExchanges final : public k8s::Exchanges {
 public:
  Id begin(const k8s::Request&, k8s::LineSink, Done) override { return ++last_; }
  void end(Id) override {}
  void turn(Millis longest) override {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, longest, [this] { return std::exchange(woken_, false); });
  }
  void wake() override {
    const std::lock_guard lock(mutex_);
    woken_ = true;
    changed_.notify_all();
  }

 private:
  Id last_ = 0;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool woken_ = false;
};

class SourceWatchesTest : public ::testing::Test {
 protected:
  test::FakeTransport api_;
  test::FakeClock clock_;
  k8s::Client client_{api_, clock_, [](Millis) {}};
  k8s::WatchGroup group_{std::make_unique<SilentExchanges>(), client_, clock_};
  SourceWatches watches_{group_, [](const std::string&) {}};
};

TEST_F(SourceWatchesTest, WatchLastsAsLongAsSomePolicyNamesTheObject) {
  const policy::Source c{SourceKind::kConfigMap, "c", {}, {}}, d{SourceKind::kConfigMap, "d", {}, {}};
  watches_.keep("n/a", "n", {c, c, d});
  watches_.keep("n/b", "n", {c});
  watches_.keep("m/b", "m", {c});
  EXPECT_EQ(watches_.size(), 3u) << "one for each object, however often it is named";
  watches_.keep("n/a", "n", {d});
  EXPECT_EQ(watches_.size(), 3u);
  watches_.keep("n/b", "n", {});
  EXPECT_EQ(watches_.size(), 2u);
  watches_.keep("n/a", "n", {}), watches_.keep("m/b", "m", {}), watches_.keep("m/b", "m", {});
  EXPECT_EQ(watches_.size(), 0u);
}

TEST_F(SourceWatchesTest, ObjectBeyondTheBoundIsWatchedOnceThereIsRoom) {
  std::vector<policy::Source> many;
  for (std::size_t i = 0; i < kMostWatches; ++i)
    many.push_back({SourceKind::kConfigMap, "c" + std::to_string(i), {}, {}});
  const std::vector<policy::Source> late{{SourceKind::kConfigMap, "late", {}, {}}};
  watches_.keep("n/a", "n", many);
  watches_.keep("n/b", "n", late);
  EXPECT_EQ(watches_.look("n", late).problems.size(), 1u);
  watches_.keep("n/a", "n", {});
  watches_.keep("n/b", "n", late);
  EXPECT_TRUE(watches_.look("n", late).problems.empty());
  EXPECT_EQ(watches_.size(), 1u);
}

}  // namespace
}  // namespace sidestep::op
