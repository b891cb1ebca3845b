#include <gtest/gtest.h>

#include "lib/k8s/base64.h"
#include "lib/k8s/time.h"
#include "lib/k8s/transport.h"

namespace sidestep::k8s {
namespace {

TEST(Base64, VectorsOfRfc4648BothWays) {
  const std::pair<const char*, const char*> vectors[] = {{"", ""},
                                                         {"f", "Zg=="},
                                                         {"fo", "Zm8="},
                                                         {"foo", "Zm9v"},
                                                         {"foob", "Zm9vYg=="},
                                                         {"fooba", "Zm9vYmE="},
                                                         {"foobar", "Zm9vYmFy"}};
  for (const auto& [plain, coded] : vectors) {
    EXPECT_EQ(base64_encode(plain), coded);
    EXPECT_EQ(base64_decode(coded).value_or("error"), plain);
  }
}

TEST(Base64, LineEndsAreSkippedAndGarbageIsRefused) {
  EXPECT_EQ(base64_decode("Zm9v\nYmFy\n").value_or("error"), "foobar");
  for (const char* bad : {"Zg=", "Zg", "Z*==", "=g==", "Zg==Zg==", "===="})
    EXPECT_FALSE(base64_decode(bad)) << bad;
}

TEST(Time, BothFormsOfTheApiAreReadAndWritten) {
  const WallTime time = WallTime{} + std::chrono::microseconds(1'774'000'000'000'125);
  EXPECT_EQ(micro_time(time), "2026-03-20T09:46:40.000125Z");
  EXPECT_EQ(plain_time(time), "2026-03-20T09:46:40Z");
  EXPECT_EQ(parse_time(micro_time(time)), time);
  EXPECT_EQ(parse_time("2026-03-20T09:46:40Z"), time - std::chrono::microseconds(125));
  EXPECT_EQ(parse_time("2026-03-20 09:46:40"), std::nullopt);
}

TEST(UrlEncode, OnlyUnreservedCharactersStay) {
  EXPECT_EQ(url_encode("a-b_c.~/ =\xff"), "a-b_c.~%2F%20%3D%FF");
}

}  // namespace
}  // namespace sidestep::k8s
