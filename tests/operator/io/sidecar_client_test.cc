#include "operator/io/sidecar_client.h"

#include <gtest/gtest.h>

#include "operator/io/sidecar_book.h"
#include "tests/operator/io/fake_sidecar.h"
#include "tests/support/fake_clock.h"

namespace sidestep::op {
namespace {
using namespace std::chrono_literals;

class SidecarClientTest : public ::testing::Test {
 protected:
  Result<SidecarReply> call() { return client_.call(pod_, "POST", "/v1/weight", R"({"reload":"r"})"); }

  std::shared_ptr<const policy::PrivateKey> key_ =
      std::make_shared<const policy::PrivateKey>(policy::PrivateKey::generate());
  test::FakeSidecar sidecar_{*policy::PublicKey::from_pem(key_->public_pem())};
  test::FakeClock clock_;
  Authority authority_{key_, 42, "lease-uid"};
  SidecarClient client_{sidecar_, clock_, [this] { return authority_; }};
  const SidecarAddress pod_{"pod-uid", "fd00::7", 8086};
};

TEST_F(SidecarClientTest, SignedCallIsAcceptedAndTheBootIdIsAskedForOnce) {
  EXPECT_EQ(call()->status, 200);
  EXPECT_EQ(call()->status, 200);
  ASSERT_EQ(sidecar_.requests.size(), 3u);
  EXPECT_EQ(sidecar_.requests[0].target, "/healthz");
  EXPECT_EQ(sidecar_.requests[1].origin, "http://[fd00::7]:8086");
  EXPECT_NE(sidecar_.nonces[0], sidecar_.nonces[1]);
}

TEST_F(SidecarClientTest, RestartedSidecarIsAddressedByItsNewBootId) {
  ASSERT_TRUE(call());
  sidecar_.boot = "boot-2";
  EXPECT_EQ(call()->status, 200);
}

TEST_F(SidecarClientTest, KeyThatTheSidecarDoesNotKnowIsARefusalAndNotRepeatedForEver) {
  authority_.key = std::make_shared<const policy::PrivateKey>(policy::PrivateKey::generate());
  EXPECT_EQ(call()->status, 401);
  EXPECT_EQ(sidecar_.requests.size(), 3u);  // healthz, call, healthz
}

TEST_F(SidecarClientTest, AnswerOfAnotherPodBehindTheAddressIsNotBelieved) {
  sidecar_.answers_as = "other-uid";
  const auto reply = call();
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().kind, ErrorKind::kProtocol);
  EXPECT_NE(reply.error().detail.find("does not answer as pod pod-uid"), std::string::npos);
}

TEST_F(SidecarClientTest, ReplayedAnswerIsNotBelieved) {
  sidecar_.stale_nonce = "00000000000000000000000000000000";
  const auto reply = call();
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().kind, ErrorKind::kProtocol);
}

TEST_F(SidecarClientTest, WithoutAKeyNothingIsSent) {
  authority_.key = nullptr;
  EXPECT_FALSE(call());
  EXPECT_EQ(sidecar_.requests.size(), 1u);  // healthz alone
}

class SidecarBookTest : public SidecarClientTest {
 protected:
  BookEntry look(bool is_running) { return book_.look({pod_}, is_running)[0]; }
  SidecarBook book_{client_, clock_};
};

TEST_F(SidecarBookTest, StatusIsFreshForAMinuteAtRestAndForAMomentInAReload) {
  sidecar_.body = R"({"version":"0.1.0","bootId":"boot-1","active":{"generation":3}})";
  EXPECT_EQ(look(false).reach, Reach::kReachable);
  const auto asked = sidecar_.requests.size();
  clock_.advance(59s);
  EXPECT_EQ(look(false).status->active.generation, 3);
  EXPECT_EQ(sidecar_.requests.size(), asked);
  look(true);
  EXPECT_EQ(sidecar_.requests.size(), asked + 1);
  clock_.advance(149ms), look(true);
  EXPECT_EQ(sidecar_.requests.size(), asked + 1);
  clock_.advance(1ms), look(true);
  EXPECT_EQ(sidecar_.requests.size(), asked + 2);
}

TEST_F(SidecarBookTest, SaysWhetherAPodIsSilentOrRefuses) {
  sidecar_.is_silent = true;
  EXPECT_EQ(look(true).reach, Reach::kUnreachable);
  sidecar_.is_silent = false, sidecar_.status = 409;
  sidecar_.body = R"({"error":{"kind":"stale","message":"epoch 42 is older than 50"}})";
  book_.expire("pod-uid");
  EXPECT_EQ(look(true).reach, Reach::kRefused);
  EXPECT_EQ(look(true).reach_message, "status 409: epoch 42 is older than 50");
}

TEST_F(SidecarBookTest, PodThatIsSilentIsAskedAgainWithinASecondThenLaterUpToAMinute) {
  sidecar_.is_silent = true;
  EXPECT_LE(look(false).ask_again, 1s);
  EXPECT_GE(look(false).ask_again, 500ms);
  for (int i = 0; i < 20; ++i) clock_.advance(look(false).ask_again);
  EXPECT_GE(look(false).ask_again, 30s);
  EXPECT_LE(look(false).ask_again, 60s);
  sidecar_.is_silent = false, sidecar_.body = "{}";
  clock_.advance(60s);
  EXPECT_EQ(look(false).failures, 0);
}

TEST_F(SidecarBookTest, RefusalOfACommandIsKeptOverLaterLooks) {
  book_.note_refusal("pod-uid", {"r", "no"});
  EXPECT_EQ(look(true).refusal->reload_id, "r");
  book_.keep_only({});
  EXPECT_EQ(book_.size(), 0u);
}

TEST_F(SidecarBookTest, PodWithoutAnAddressIsNotAsked) {
  EXPECT_EQ(book_.look({{"x", "", 8086}}, true)[0].reach, Reach::kNotAsked);
  EXPECT_TRUE(sidecar_.requests.empty());
}

}  // namespace
}  // namespace sidestep::op
