#include "operator/io/key_store.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "lib/k8s/base64.h"
#include "operator/io/metrics.h"
#include "tests/support/fake_clock.h"
#include "tests/support/fake_transport.h"

namespace sidestep::op {
namespace {
using namespace std::chrono_literals;

class KeyStoreTest : public ::testing::Test {
 protected:
  static std::string secret(const std::map<std::string, std::string>& entries, bool with_hash_key = true) {
    k8s::Json data = k8s::Json::object();
    if (with_hash_key) data["hash.key"] = "aGFzaA==";
    for (const auto& [name, pem] : entries) data[name] = k8s::base64_encode(pem);
    return k8s::Json{{"data", data}}.dump();
  }

  test::FakeTransport api_;
  test::FakeClock clock_;
  k8s::Client client_{api_, clock_, [](Millis) {}};
  KeyStore store_{client_, "sidestep-system", "sidestep-operator-key"};
  TrustPublisher trust_{client_, store_};
  const policy::PrivateKey first_ = policy::PrivateKey::generate();
  const policy::PrivateKey second_ = policy::PrivateKey::generate();
};

TEST_F(KeyStoreTest, SecretIsMadeWhenThereIsNone) {
  api_.answer(404, "{}");
  api_.answer(201, secret({{"ed25519.pem", first_.private_pem()}}));
  ASSERT_TRUE(store_.refresh());
  EXPECT_EQ(api_.requests[1].method, "POST");
  const auto sent = k8s::Json::parse(api_.requests[1].body);
  EXPECT_TRUE(
      policy::PrivateKey::from_pem(*k8s::base64_decode(sent["data"]["ed25519.pem"].get<std::string>())));
  EXPECT_EQ(store_.keys().signing->id(), first_.id());
}

TEST_F(KeyStoreTest, OfTwoThatMakeItTheOtherOnesIsUsed) {
  api_.answer(404, "{}");
  api_.answer(409, "{}");
  api_.answer(200, secret({{"ed25519.pem", second_.private_pem()}}));
  ASSERT_TRUE(store_.refresh());
  EXPECT_EQ(store_.keys().signing->id(), second_.id());
}

TEST_F(KeyStoreTest, SecretOfAnEarlierVersionGetsAHashKeyOnce) {
  api_.answer(200, secret({{"ed25519.pem", first_.private_pem()}}, false));
  api_.answer(200, secret({{"ed25519.pem", first_.private_pem()}}));
  ASSERT_TRUE(store_.refresh());
  EXPECT_EQ(api_.requests[1].method, "PATCH");
  EXPECT_EQ(store_.keys().hash, "aGFzaA==");
  api_.answer(200, secret({{"ed25519.pem", first_.private_pem()}}));
  ASSERT_TRUE(store_.refresh());
  EXPECT_EQ(api_.requests.size(), 3u);
}

TEST_F(KeyStoreTest, EveryKeyIsPublishedAndOneSigns) {
  api_.answer(
      200,
      secret({{"ed25519.pem", first_.private_pem()}, {"next.pem", second_.private_pem()}, {"note", "x"}}));
  ASSERT_TRUE(store_.refresh());
  EXPECT_EQ(store_.keys().signing->id(), first_.id());
  EXPECT_EQ(store_.keys().published.size(), 2u);
  EXPECT_EQ(store_.keys().published.at(second_.id() + ".pem"), second_.public_pem());
}

TEST_F(KeyStoreTest, SecretWithoutAUsableKeySaysWhichEntryIsWrong) {
  api_.answer(200, secret({{"next.pem", second_.private_pem()}}));
  EXPECT_EQ(store_.refresh().error().detail, "the operator's Secret has no entry ed25519.pem");
  api_.answer(200, secret({{"ed25519.pem", "nonsense"}}));
  EXPECT_NE(store_.refresh().error().detail.find("Secret entry ed25519.pem"), std::string::npos);
}

TEST_F(KeyStoreTest, PublicKeysAreAppliedOnceAndAgainWhenTheyChangeOrAfterAWhile) {
  EXPECT_FALSE(trust_.ensure("shop", clock_.steady()));
  api_.answer(200, secret({{"ed25519.pem", first_.private_pem()}}));
  ASSERT_TRUE(store_.refresh());
  for (int i = 0; i < 4; ++i) api_.answer(200, "{}");
  const auto applied = [this] { return api_.requests.size() - 1; };
  ASSERT_TRUE(trust_.ensure("shop", clock_.steady()));
  ASSERT_TRUE(trust_.ensure("shop", clock_.steady()));
  EXPECT_EQ(applied(), 1u);
  EXPECT_EQ(api_.requests.back().body.find("PRIVATE"), std::string::npos);
  EXPECT_NE(api_.requests.back().body.find(first_.id() + ".pem"), std::string::npos);
  ASSERT_TRUE(trust_.ensure("other", clock_.steady()));
  EXPECT_EQ(applied(), 2u);
  clock_.advance(600s);
  ASSERT_TRUE(trust_.ensure("shop", clock_.steady()));
  EXPECT_EQ(applied(), 3u);
}

TEST_F(KeyStoreTest, PodThatRefusesUsIsRefreshedAgainAfterASecondThenLater) {
  api_.answer(200, secret({{"ed25519.pem", first_.private_pem()}}));
  ASSERT_TRUE(store_.refresh());
  for (int i = 0; i < 20; ++i) api_.answer(200, "{}");
  std::vector<TimePoint> times;
  for (std::size_t seen = 1; times.size() < 9; clock_.advance(100ms)) {
    ASSERT_TRUE(trust_.nudge("shop", "p", "u", clock_.steady()));
    if (api_.requests.size() > seen) times.push_back(clock_.steady());
    seen = api_.requests.size();
  }
  EXPECT_EQ(k8s::Json::parse(api_.requests.back().body)["metadata"]["uid"], "u");
  EXPECT_LE(times[1] - times[0], 1s);
  for (std::size_t i = 2; i < times.size(); ++i)
    EXPECT_GE(times[i] - times[i - 1], times[i - 1] - times[i - 2]);
  EXPECT_LE(times[8] - times[7], 60s);
  EXPECT_GE(times[8] - times[7], 30s);
}

TEST_F(KeyStoreTest, WhenAPodRefusesUsTheConfigMapIsAppliedAgainSinceItMayHaveBeenDeleted) {
  api_.answer(200, secret({{"ed25519.pem", first_.private_pem()}}));
  ASSERT_TRUE(store_.refresh());
  for (int i = 0; i < 5; ++i) api_.answer(200, "{}");
  const auto asked = [this] { return api_.requests.size() - 1; };
  ASSERT_TRUE(trust_.ensure("shop", clock_.steady()));
  clock_.advance(5s);
  ASSERT_TRUE(trust_.nudge("shop", "p1", "u1", clock_.steady()));
  EXPECT_EQ(asked(), 3u);
  EXPECT_NE(api_.requests[2].body.find("ConfigMap"), std::string::npos);
  ASSERT_TRUE(trust_.nudge("shop", "p2", "u2", clock_.steady()));
  EXPECT_EQ(asked(), 4u) << "the second pod of the same moment is only refreshed";
}

TEST(Metrics, HistogramIsCumulativeAndEveryResultIsThereFromTheStart) {
  Metrics metrics;
  metrics.reconciled("success", 7ms);
  metrics.reconciled("error", 70s);
  const std::string text =
      metrics.text({.requests = {{{"GET", "200"}, 3}}, .queue = {}, .lease = "l", .is_leading = true});
  for (const char* line :
       {"controller_runtime_reconcile_total{controller=\"reloadpolicy\",result=\"requeue\"} 0\n",
        "result=\"error\"} 1\n", "le=\"0.005\"} 0\n", "le=\"0.01\"} 1\n", "le=\"60\"} 1\n",
        "le=\"+Inf\"} 2\n", "rest_client_requests_total{method=\"GET\",code=\"200\"} 3\n",
        "leader_election_master_status{name=\"l\"} 1\n"})
    EXPECT_NE(text.find(line), std::string::npos) << line << text;
}

TEST_F(KeyStoreTest, NamespacesThatAreGoneAreForgotten) {
  api_.answer(200, secret({{"ed25519.pem", first_.private_pem()}}));
  ASSERT_TRUE(store_.refresh());
  for (int i = 0; i < 100; ++i) {
    api_.answer(200, "{}");
    ASSERT_TRUE(trust_.ensure("preview-" + std::to_string(i), clock_.steady()));
    clock_.advance(60s);
  }
  EXPECT_LE(trust_.size(), 11u);
}

}  // namespace
}  // namespace sidestep::op
