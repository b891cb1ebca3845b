// A certificate is served only when API servers know who signed it. Before, the leader served at once and
// told them afterwards, and other replicas at their next look: after a lost Secret calls failed for half a
// minute.
#include "operator/io/webhook_certificate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "lib/front/tls_make.h"
#include "lib/k8s/base64.h"
#include "tests/support/fake_clock.h"

namespace sidestep::op {
namespace {

using k8s::Json;
using ::testing::EndsWith;
using ::testing::StartsWith;

// One Secret and one configuration; each may be there or not.
class Server final : public k8s::Transport {
 public:
  Result<k8s::Response> send(const k8s::Request& request) override {
    Json& object = request.target.find("/secrets") != std::string::npos ? secret : configuration;
    if (request.method == "GET") return answer_with(object);
    if (&object == &configuration && is_read_only) return k8s::Response{403, {}, R"({"message": "no"})"};
    const Json body = Json::parse(request.body);
    if (request.method == "POST")
      object = body;
    else if (&object == &configuration)
      object["webhooks"] = body["webhooks"];
    else
      object["data"] = body["data"];
    return answer_with(object);
  }
  Result<k8s::Response> watch(const k8s::Request&, const k8s::LineSink&, std::stop_token) override {
    return unavailable("not here");
  }

  std::string bundle() const {
    return *k8s::base64_decode(configuration["webhooks"][0]["clientConfig"].value("caBundle", ""));
  }
  std::string authority() const { return *k8s::base64_decode(secret["data"]["ca.crt"].get<std::string>()); }

  Json secret;  // null: there is none
  Json configuration = Json::parse(R"({"webhooks": [{"name": "w", "clientConfig": {}}]})");
  bool is_read_only = false;

 private:
  static k8s::Response answer_with(const Json& object) {
    if (object.is_null()) return {404, {}, R"({"message": "none"})"};
    return {200, {}, object.dump()};
  }
};

class ServedCertificate : public ::testing::Test {
 protected:
  bool look(WebhookCertificate& replica, bool is_leader = false) {
    return bool(replica.refresh(is_leader, clock_.wall()));
  }

  Server server_;
  test::FakeClock clock_;
  k8s::Client client_{server_, clock_, [](Millis) {}, {}, "test"};
  const WebhookCertificate::Names names_{"ns", "tls", "hook", {"w.ns.svc"}, Millis{60'000}};
  WebhookCertificate leader_{client_, names_}, other_{client_, names_};
};

TEST_F(ServedCertificate, AfterALostSecretTheOldOneIsServedUntilTheNewAuthorityIsKnown) {
  ASSERT_TRUE(look(leader_, true) && look(other_));
  const auto first = leader_.terms(), others_first = other_.terms();
  const std::string old = server_.authority();
  ASSERT_TRUE(first && others_first);
  EXPECT_EQ(server_.bundle(), old);

  server_.secret = nullptr;
  ASSERT_TRUE(look(other_));  // makes the Secret, and may not tell the API servers
  EXPECT_EQ(other_.terms(), others_first);
  ASSERT_TRUE(look(leader_, true));
  EXPECT_EQ(leader_.terms(), first) << "API servers hear of the authority only now";
  EXPECT_THAT(server_.bundle(), StartsWith(server_.authority()));
  EXPECT_THAT(server_.bundle(), EndsWith(old)) << "the others still serve what it signed";

  clock_.advance(kBundleSeen);
  ASSERT_TRUE(look(leader_, true) && look(other_));
  EXPECT_NE(leader_.terms(), first);
  clock_.advance(kBundleSeen);
  ASSERT_TRUE(look(other_));
  EXPECT_NE(other_.terms(), others_first);

  clock_.advance(Millis{60'000});
  ASSERT_TRUE(look(leader_, true));
  EXPECT_EQ(server_.bundle(), server_.authority()) << "whoever has the lost key is trusted no longer";
}

TEST_F(ServedCertificate, WithoutTheRightToPublishTheOldOneIsServedOn) {
  ASSERT_TRUE(look(leader_, true));
  const auto first = leader_.terms();
  server_.secret = nullptr;
  server_.is_read_only = true;
  for (int i = 0; i < 3; ++i, clock_.advance(Millis{60'000})) EXPECT_FALSE(look(leader_, true));
  EXPECT_EQ(leader_.terms(), first);
}

TEST_F(ServedCertificate, WhereNobodyCallsNobodyIsWaitedFor) {
  server_.configuration = nullptr;
  ASSERT_TRUE(look(leader_, true));
  const auto first = leader_.terms();
  server_.secret = nullptr;
  ASSERT_TRUE(look(leader_, true));
  EXPECT_NE(leader_.terms(), first);
}

TEST(WebhookBundleTest, AnythingButCertificatesIsLeftOutAndTheRestIsBounded) {
  const auto now = WallTime{} + Seconds{1'000};
  const auto made = [&now] { return front::make_authority("a", now, Seconds{86'400}).certificate; };
  WebhookBundle bundle(Millis{1'000});
  const std::string ours = made(), theirs = made();
  EXPECT_EQ(bundle.wanted(ours, {"\n", "x-----BEGIN CERTIFICATE-----"}, now), ours);
  EXPECT_EQ(bundle.wanted(ours, {"# c\n" + theirs + ours, theirs}, now), ours + theirs);
  std::string many;
  for (int i = 0; i < 9; ++i) many += made();
  EXPECT_EQ(certificates_in(bundle.wanted(ours, {many}, now)).size(), 5u);
}

}  // namespace
}  // namespace sidestep::op
