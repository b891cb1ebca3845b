#include "lib/policy/call_signature.h"

#include <gtest/gtest.h>

#include <functional>

#include "lib/policy/signature.h"

namespace sidestep::policy {
namespace {
using namespace std::chrono_literals;

const std::string kKey = "0123456789abcdef";
CallHead call_head() {
  return {"POST", "/reload", sha256_hex("{}"), 1'700'000'000'123, "00112233445566778899aabbccddeeff"};
}

TEST(Hmac, IsThatOfRfc4231TestCase2) {
  EXPECT_EQ(hmac_sha256_hex("Jefe", "what do ya want for nothing?"),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
}

TEST(CallSignature, TextIsThatOfTheContract) {
  EXPECT_EQ(canonical(call_head()), "sidestep-call-v1\nPOST\n/reload\n" + sha256_hex("{}") +
                                        "\n1700000000123 00112233445566778899aabbccddeeff");
}

TEST(CallSignature, AnyOfTheKeysMaySignAndAShortOneMayNot) {
  const std::string signature = sign_call(call_head(), kKey);
  EXPECT_TRUE(is_signed_by(call_head(), signature, {"another-key-of-16", kKey}));
  EXPECT_FALSE(is_signed_by(call_head(), signature, {"another-key-of-16"}));
  EXPECT_FALSE(is_signed_by(call_head(), signature, {}));
  EXPECT_FALSE(is_signed_by(call_head(), "", {kKey}));
  EXPECT_FALSE(is_signed_by(call_head(), sign_call(call_head(), "short"), {"short"}));
}

TEST(CallSignature, ChangeOfAnyFieldBreaksTheSignature) {
  const std::string signature = sign_call(call_head(), kKey);
  const std::vector<std::function<void(CallHead&)>> changes{
      [](CallHead& h) { h.method = "GET"; }, [](CallHead& h) { h.target += "?wait=1"; },
      [](CallHead& h) { h.body_sha256 = sha256_hex("{ }"); }, [](CallHead& h) { ++h.time_ms; },
      [](CallHead& h) { h.nonce[0] = 'f'; }};
  for (const auto& change : changes) {
    CallHead changed = call_head();
    change(changed);
    EXPECT_FALSE(is_signed_by(changed, signature, {kKey}));
  }
}

TEST(CallRate, MoreThanTheBoundInASpanWaits) {
  CallRate rate(2, 60s);
  const TimePoint now{};
  EXPECT_EQ(rate.admit(now), 0ms);
  EXPECT_EQ(rate.admit(now + 10s), 0ms);
  EXPECT_EQ(rate.admit(now + 20s), 40s);
  EXPECT_EQ(rate.admit(now + 60s), 0ms);
  EXPECT_EQ(rate.admit(now + 61s), 9s);
}

}  // namespace
}  // namespace sidestep::policy
