// Calls signed with a key made here, against a trust folder of this test.
#include "sidecar/admin/auth.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "sidecar/admin/epoch_file.h"
#include "tests/support/fake_clock.h"

namespace sidestep::sidecar {
namespace {

class AuthTest : public ::testing::Test {
 protected:
  AuthTest() {
    char name[] = "/tmp/sidestep-test-XXXXXX";
    folder_ = mkdtemp(name);
    std::filesystem::create_directory(folder_ + "/trust");
    trust(key_);
    authority_ = make();
  }
  ~AuthTest() override { std::filesystem::remove_all(folder_); }

  std::unique_ptr<Authority> make() {
    return std::make_unique<Authority>(Authority::Settings{folder_ + "/trust", "pod-1", folder_ + "/epoch"},
                                       read_epoch(folder_ + "/epoch").value_or({}));
  }
  void trust(const policy::PrivateKey& key) {
    std::ofstream(folder_ + "/trust/" + key.id() + ".pem") << key.public_pem();
  }

  // A good call; tests spoil one part.
  policy::CommandHead head(const std::string& body = "{}") {
    const auto now = std::chrono::duration_cast<Millis>(clock_.wall().time_since_epoch()).count();
    return {"POST",  "/v1/promote?a=b", policy::sha256_hex(body), now, policy::random_hex(16), 7, "lease-1",
            "pod-1", "boot-1"};
  }
  Call call(const policy::CommandHead& h, const policy::PrivateKey& key, const std::string& body = "{}") {
    Call c;
    c.method = h.method, c.path = "/v1/promote", c.query = "a=b", c.body = body;
    c.fields = {{"sidestep-key", key.id()},      {"sidestep-time", std::to_string(h.time_ms)},
                {"sidestep-nonce", h.nonce},     {"sidestep-epoch", std::to_string(h.epoch)},
                {"sidestep-lease", h.lease_uid}, {"sidestep-pod", h.pod_uid},
                {"sidestep-boot", h.boot_id},    {"sidestep-signature", key.sign(policy::canonical(h))}};
    return c;
  }
  std::string judge(const Call& c) {
    const Judgement judgement = authority_->judge(c, "boot-1", clock_);
    return judgement.refusal                       ? judgement.refusal->reason
           : judgement.caller == Caller::kOperator ? "operator"
                                                   : "local";
  }

  test::FakeClock clock_;
  std::string folder_;
  const policy::PrivateKey key_ = policy::PrivateKey::generate();
  std::unique_ptr<Authority> authority_;
};

TEST_F(AuthTest, UnixSocketIsTheLocalUserWithoutASignature) {
  Call c;
  c.is_local = true;
  EXPECT_EQ(judge(c), "local");
}

TEST_F(AuthTest, SignedCallIsTheOperator) { EXPECT_EQ(judge(call(head(), key_)), "operator"); }

TEST_F(AuthTest, UnsignedCallOverTcpIsRefused) {
  EXPECT_EQ(judge(Call{}), "unsigned");
  EXPECT_EQ(authority_->refusals().at("unsigned"), 1U);
}

TEST_F(AuthTest, SameCallTwiceIsAReplay) {
  const Call c = call(head(), key_);
  EXPECT_EQ(judge(c), "operator");
  EXPECT_EQ(judge(c), "replayed");
}

TEST_F(AuthTest, EveryPartIsCoveredByTheSignature) {
  const auto spoiled = [&](auto spoil) {
    Call c = call(head(), key_);
    spoil(c);
    return judge(c);
  };
  EXPECT_EQ(spoiled([](Call& c) { c.body = "{ }"; }), "bad_signature");
  EXPECT_EQ(spoiled([](Call& c) { c.method = "PUT"; }), "bad_signature");
  EXPECT_EQ(spoiled([](Call& c) { c.path = "/v1/abort"; }), "bad_signature");
  EXPECT_EQ(spoiled([](Call& c) { c.query = "a=c"; }), "bad_signature");
  for (const char* field : {"sidestep-time", "sidestep-epoch"}) {
    EXPECT_EQ(spoiled([&](Call& c) { c.fields[field] += "1"; }), "bad_signature") << field;
  }
  for (const char* field : {"sidestep-lease", "sidestep-pod", "sidestep-boot", "sidestep-signature"}) {
    EXPECT_EQ(spoiled([&](Call& c) { c.fields[field] += "x"; }), "bad_signature") << field;
  }
}

TEST_F(AuthTest, MissingOrMalformedFieldsAreNamedAsSuch) {
  for (const char* field : {"sidestep-time", "sidestep-nonce", "sidestep-epoch", "sidestep-lease"}) {
    Call c = call(head(), key_);
    c.fields.erase(field);
    EXPECT_EQ(judge(c), "malformed") << field;
  }
}

TEST_F(AuthTest, CallForAnotherPodOrAnEarlierBootIsRefused) {
  policy::CommandHead h = head();
  h.pod_uid = "pod-2";
  EXPECT_EQ(judge(call(h, key_)), "wrong_pod");
  h = head();
  h.boot_id = "boot-0";
  EXPECT_EQ(judge(call(h, key_)), "wrong_boot");
}

TEST_F(AuthTest, WindowIsThirtySecondsEitherWay) {
  for (const std::int64_t off : {-30'000, 30'000}) {
    policy::CommandHead h = head();
    h.time_ms += off;
    EXPECT_EQ(judge(call(h, key_)), "operator") << off;
    h = head();
    h.time_ms += off < 0 ? off - 1 : off + 1;
    EXPECT_EQ(judge(call(h, key_)), "too_old") << off;
  }
}

TEST_F(AuthTest, OlderLeaderIsStaleAlsoAfterARestart) {
  policy::CommandHead h = head();
  h.epoch = 9;
  EXPECT_EQ(judge(call(h, key_)), "operator");
  EXPECT_EQ(judge(call(head(), key_)), "stale");
  authority_ = make();
  EXPECT_EQ(judge(call(head(), key_)), "stale");
  EXPECT_EQ(authority_->judge(call(head(), key_), "boot-1", clock_).refusal->status, 409);
}

TEST_F(AuthTest, LookingDoesNotMoveTheEpoch) {
  policy::CommandHead h = head();
  h.method = "GET", h.epoch = 99;
  EXPECT_EQ(judge(call(h, key_)), "operator");
  EXPECT_EQ(judge(call(head(), key_)), "operator");
}

TEST_F(AuthTest, RefusedCallMovesNothing) {
  policy::CommandHead h = head();
  h.epoch = 99, h.pod_uid = "pod-2";
  EXPECT_EQ(judge(call(h, key_)), "wrong_pod");
  EXPECT_EQ(judge(call(head(), key_)), "operator");
}

TEST_F(AuthTest, KeysAreRotatedWithoutARestart) {
  const policy::PrivateKey next = policy::PrivateKey::generate();
  EXPECT_EQ(judge(call(head(), key_)), "operator");
  EXPECT_EQ(judge(call(head(), next)), "unknown_key");
  trust(next);
  clock_.advance(Millis(1'001));
  EXPECT_EQ(judge(call(head(), next)), "operator");
  EXPECT_EQ(judge(call(head(), key_)), "operator") << "two keys are valid during rotation";
  std::filesystem::remove(folder_ + "/trust/" + key_.id() + ".pem");
  clock_.advance(Millis(1'001));
  EXPECT_EQ(judge(call(head(), key_)), "unknown_key");
}

TEST_F(AuthTest, WithoutATrustFolderNobodySteers) {
  std::filesystem::remove_all(folder_ + "/trust");
  EXPECT_EQ(judge(call(head(), key_)), "unknown_key");
}

TEST(EpochFile, StateComesBackAndABrokenFileIsAnError) {
  const std::string path = ::testing::TempDir() + "/epoch";
  std::remove(path.c_str());
  EXPECT_EQ(read_epoch(path).value_or({1, "x", {}}), policy::EpochState{});
  const policy::EpochState state{1'764'000'000'125, "lease-2", {"lease-1", "lease-0"}};
  ASSERT_TRUE(write_epoch(path, state));
  EXPECT_EQ(read_epoch(path).value_or({}), state);
  std::ofstream(path) << "junk\n";
  EXPECT_FALSE(read_epoch(path));
  std::remove(path.c_str());
}

}  // namespace
}  // namespace sidestep::sidecar
