// Fixed vectors (RFC 8032, 7.1) so that both ends of the wire stay compatible with releases of the past.
#include "lib/policy/signature.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

namespace sidestep::policy {
namespace {

using ::testing::HasSubstr;

// RFC 8032, 7.1, TEST 2: the key pair, and its signature over the one byte 0x72.
constexpr std::string_view kPrivatePem =
    "-----BEGIN PRIVATE KEY-----\n"
    "MC4CAQAwBQYDK2VwBCIEIEzNCJso/5banbbDRuwRTg9bijGfNaumJNqM9u1PuKb7\n"
    "-----END PRIVATE KEY-----\n";
constexpr std::string_view kPublicPem =
    "-----BEGIN PUBLIC KEY-----\n"
    "MCowBQYDK2VwAyEAPUAXw+hDiVqStwqnTRt+vJyYLM8uxJaMwM1V8Sr0Zgw=\n"
    "-----END PUBLIC KEY-----\n";
constexpr std::string_view kSignatureOf72 =
    "kqAJqfDUyrhyDoILX2QlQKKye1QWUD+Ps3YiI+vbadoIWsHkPhWZbkWPNhPQ8R2MOHsurrQwKu6wDSkWErsMAA==";

PrivateKey key() { return *PrivateKey::from_pem(kPrivatePem); }

CommandHead head() {
  return {"POST", "/v1/weight?x=1", sha256_hex("{}"), 1'700'000'000'123, "00112233445566778899aabbccddeeff",
          42,     "lease-1",        "pod-1",          "boot-1"};
}

TEST(SignatureTest, Sha256IsThatOfTheStandard) {
  EXPECT_EQ(sha256_hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(sha256_hex(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

TEST(SignatureTest, KeysAndSignatureAreThoseOfTheRfc) {
  EXPECT_EQ(key().public_pem(), kPublicPem);
  EXPECT_EQ(key().private_pem(), kPrivatePem);
  EXPECT_EQ(key().sign("\x72"), kSignatureOf72);
  EXPECT_TRUE(PublicKey::from_pem(kPublicPem)->verify("\x72", kSignatureOf72));
}

TEST(SignatureTest, KeyIdIsTheSameFromBothHalves) {
  EXPECT_EQ(key().id(), PublicKey::from_pem(kPublicPem)->id());
  EXPECT_EQ(key().id().size(), 16u);
  EXPECT_NE(key().id(), PrivateKey::generate().id());
}

TEST(SignatureTest, CanonicalTextIsThatOfTheContract) {
  EXPECT_EQ(
      canonical(head()),
      "sidestep-v1\nPOST\n/v1/weight?x=1\n44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a\n"
      "1700000000123 00112233445566778899aabbccddeeff 42 lease-1 pod-1 boot-1");
}

TEST(SignatureTest, ChangeOfAnyFieldBreaksTheSignature) {
  const std::string good = key().sign(canonical(head()));
  const PublicKey open = *PublicKey::from_pem(kPublicPem);
  ASSERT_TRUE(open.verify(canonical(head()), good));
  const std::vector<std::function<void(CommandHead&)>> changes{
      [](CommandHead& h) { h.method = "GET"; },        [](CommandHead& h) { h.path = "/v1/abort"; },
      [](CommandHead& h) { h.body_sha256[0] = '5'; },  [](CommandHead& h) { ++h.time_ms; },
      [](CommandHead& h) { h.nonce[0] = '1'; },        [](CommandHead& h) { ++h.epoch; },
      [](CommandHead& h) { h.lease_uid = "lease-2"; }, [](CommandHead& h) { h.pod_uid = "pod-2"; },
      [](CommandHead& h) { h.boot_id = "boot-2"; }};
  for (std::size_t i = 0; i < changes.size(); ++i) {
    CommandHead changed = head();
    changes[i](changed);
    EXPECT_FALSE(open.verify(canonical(changed), good)) << i;
  }
}

TEST(SignatureTest, SignatureThatIsNotStrictBase64IsRefused) {
  const PublicKey open = *PublicKey::from_pem(kPublicPem);
  const std::string good(kSignatureOf72);
  for (const std::string& bad :
       {std::string(), good.substr(1), good + "=", "\n" + good.substr(1), std::string(88, '='),
        std::string(87, 'A') + "=", std::string(86, '!') + "==", good.substr(0, 86) + "AA"}) {
    EXPECT_FALSE(open.verify("\x72", bad)) << bad;
  }
}

TEST(SignatureTest, OtherKeysAndTextsAreRefusedWithTheFormThatIsWanted) {
  for (const std::string_view pem : {std::string_view("hello"), std::string_view(""), kPrivatePem}) {
    EXPECT_THAT(PublicKey::from_pem(pem).error().detail, HasSubstr("-----BEGIN PUBLIC KEY-----"));
  }
  EXPECT_THAT(PrivateKey::from_pem(kPublicPem).error().detail, HasSubstr("-----BEGIN PRIVATE KEY-----"));
}

TEST(SignatureTest, RandomHexIsNeverTheSame) {
  EXPECT_EQ(random_hex(16).size(), 32u);
  EXPECT_NE(random_hex(16), random_hex(16));
}

TEST(SignatureTest, ComparisonIsAboutWholeValues) {
  EXPECT_TRUE(equal_in_constant_time("abc", "abc"));
  EXPECT_FALSE(equal_in_constant_time("abc", "abd"));
  EXPECT_FALSE(equal_in_constant_time("abc", "ab"));
}

TEST(ReplayGuardTest, NonceIsAdmittedOnceWithinItsMemory) {
  ReplayGuard guard;
  EXPECT_EQ(guard.admit("a", 100'000, 100'000), Freshness::kFresh);
  EXPECT_EQ(guard.admit("a", 100'000, 100'001), Freshness::kReplayed);
  EXPECT_EQ(guard.admit("b", 100'000, 100'001), Freshness::kFresh);
  EXPECT_EQ(guard.admit("a", 159'999, 159'999), Freshness::kReplayed);
}

// Time stamp in the future by the whole window: the nonce must outlive the moment when the window closes on
// it.
TEST(ReplayGuardTest, ForgottenNonceIsOutsideTheWindow) {
  ReplayGuard guard;
  EXPECT_EQ(guard.admit("a", 130'000, 100'000), Freshness::kFresh);
  EXPECT_EQ(guard.admit("a", 130'000, 159'999), Freshness::kReplayed);
  EXPECT_EQ(guard.admit("a", 130'000, 160'001), Freshness::kTooOld);
}

TEST(ReplayGuardTest, WindowHasSharpEdgesAndExtremesAreRefused) {
  ReplayGuard guard;
  EXPECT_EQ(guard.admit("a", 70'000, 100'000), Freshness::kFresh);
  EXPECT_EQ(guard.admit("b", 69'999, 100'000), Freshness::kTooOld);
  EXPECT_EQ(guard.admit("c", 130'001, 100'000), Freshness::kTooOld);
  EXPECT_EQ(guard.admit("d", INT64_MIN, 100'000), Freshness::kTooOld);
  EXPECT_EQ(guard.admit("e", INT64_MAX, 100'000), Freshness::kTooOld);
}

TEST(ReplayGuardTest, FullMemoryRefusesInsteadOfForgetting) {
  ReplayGuard guard({.window = Millis(30'000), .memory = Millis(60'000), .most_nonces = 2});
  EXPECT_EQ(guard.admit("a", 100'000, 100'000), Freshness::kFresh);
  EXPECT_EQ(guard.admit("b", 100'000, 100'000), Freshness::kFresh);
  EXPECT_EQ(guard.admit("c", 100'000, 100'000), Freshness::kFull);
  EXPECT_EQ(guard.admit("a", 100'000, 100'000), Freshness::kReplayed);
  EXPECT_EQ(guard.admit("c", 160'000, 160'000), Freshness::kFresh);
}

using Answer = EpochRule::Answer;

TEST(EpochRuleTest, LowerEpochOfTheSameLeaseIsStale) {
  EpochRule rule;
  EXPECT_EQ(rule.obey(10, "a"), Answer::kObeyed);
  EXPECT_EQ(rule.obey(10, "a"), Answer::kObeyed);
  EXPECT_EQ(rule.obey(11, "a"), Answer::kObeyed);
  EXPECT_EQ(rule.obey(10, "a"), Answer::kStale);
}

TEST(EpochRuleTest, NewLeaseIsObeyedWhateverItsEpochAndThePastOneIsStaleForGood) {
  EpochRule rule;
  EXPECT_EQ(rule.obey(10, "a"), Answer::kObeyed);
  EXPECT_EQ(rule.obey(1, "b"), Answer::kObeyed);
  EXPECT_EQ(rule.obey(11, "a"), Answer::kStale);
  EXPECT_EQ(rule.obey(1, "b"), Answer::kObeyed);
}

TEST(EpochRuleTest, StateSurvivesARestart) {
  EpochRule rule;
  rule.obey(10, "a"), rule.obey(5, "b");
  EpochRule next(rule.state());
  EXPECT_EQ(next.obey(4, "b"), Answer::kStale);
  EXPECT_EQ(next.obey(99, "a"), Answer::kStale);
  EXPECT_EQ(next.obey(5, "b"), Answer::kObeyed);
}

TEST(EpochRuleTest, StaleCommandChangesNothing) {
  EpochRule rule({10, "a", {}});
  rule.obey(9, "a");
  EXPECT_EQ(rule.state(), (EpochState{10, "a", {}}));
}

}  // namespace
}  // namespace sidestep::policy
