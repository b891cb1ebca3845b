// Who may start a reload over TCP with a shared key, and each reason for a no.
#include "sidecar/admin/caller.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "tests/support/fake_clock.h"

namespace sidestep::sidecar {
namespace {
using namespace std::chrono_literals;
namespace fs = std::filesystem;

class CallerRuleTest : public ::testing::Test {
 protected:
  CallerRuleTest() {
    fs::remove_all(folder_);
    fs::create_directories(folder_);
    write("old", "0123456789abcdef-old\n");
    write("new", "0123456789abcdef-new");
  }
  ~CallerRuleTest() override { fs::remove_all(folder_); }
  void write(const std::string& name, const std::string& key) { std::ofstream(folder_ / name) << key; }

  Call call(const std::string& key = "0123456789abcdef-new", std::string nonce = "") {
    if (nonce.empty()) nonce = policy::random_hex(16);
    Call c;
    c.method = "POST", c.path = "/reload", c.body = R"({"token":"t"})";
    const auto now = std::chrono::duration_cast<Millis>(clock_.wall().time_since_epoch()).count();
    const policy::CallHead head{"POST", "/reload", policy::sha256_hex(c.body), now, nonce};
    c.fields = {{"x-auth-time", std::to_string(now)},
                {"x-auth-nonce", nonce},
                {"x-auth-sign", policy::sign_call(head, key)}};
    return c;
  }
  std::string judge(const Call& c) {
    const auto refusal = rule_.judge(c, began_, clock_);
    return refusal ? refusal->reason : "";
  }

  const fs::path folder_ =
      fs::path(::testing::TempDir()) /
      (std::string("keys-") + ::testing::UnitTest::GetInstance()->current_test_info()->name());
  test::FakeClock clock_;
  WallTime began_ = clock_.wall();
  CallerRule rule_{folder_.string()};
};

TEST_F(CallerRuleTest, EitherKeyMaySign) {
  EXPECT_EQ(judge(call()), "");
  EXPECT_EQ(judge(call("0123456789abcdef-old")), "");
}

TEST_F(CallerRuleTest, UnsignedChangedAndStrangeCallsAreRefused) {
  EXPECT_EQ(judge(Call{}), "unsigned");
  Call changed = call();
  changed.body += " ";
  EXPECT_EQ(judge(changed), "bad_signature");
  EXPECT_EQ(judge(call("0123456789abcdef-xxx")), "bad_signature");
  Call odd = call();
  odd.fields["x-auth-nonce"] = "short";
  EXPECT_EQ(judge(odd), "malformed");
  CallerRule nobody{""};
  EXPECT_EQ(nobody.judge(call(), began_, clock_)->reason, "no_keys");
}

TEST_F(CallerRuleTest, ReplayIsRefusedAndSoIsWhatWasSignedBeforeTheStartOrTooLongAgo) {
  const Call once = call();
  EXPECT_EQ(judge(once), "");
  EXPECT_EQ(judge(once), "replayed");
  const Call early = call();
  clock_.advance(10s);
  began_ = clock_.wall();
  EXPECT_EQ(judge(early), "too_old") << "a new process has no memory of nonces";
  const Call late = call();
  clock_.advance(61s);
  EXPECT_EQ(judge(late), "too_old");
}

TEST_F(CallerRuleTest, MoreThanSixAMinuteWaitAndForgedOnesDoNotCount) {
  for (int i = 0; i < 50; ++i) EXPECT_EQ(judge(call("0123456789abcdef-xxx")), "bad_signature");
  for (int i = 0; i < 6; ++i) EXPECT_EQ(judge(call()), "") << i;
  const auto refusal = rule_.judge(call(), began_, clock_);
  ASSERT_TRUE(refusal);
  EXPECT_EQ(refusal->status, 429);
  EXPECT_EQ(refusal->kind, "limited");
  clock_.advance(60s);
  EXPECT_EQ(judge(call()), "");
}

TEST_F(CallerRuleTest, KeysAreExchangedWithoutARestart) {
  EXPECT_EQ(judge(call()), "");
  fs::remove(folder_ / "old");
  write("next", "0123456789abcdef-next");
  clock_.advance(1s);
  EXPECT_EQ(judge(call("0123456789abcdef-next")), "");
  EXPECT_EQ(judge(call("0123456789abcdef-old")), "bad_signature");
}

}  // namespace
}  // namespace sidestep::sidecar
