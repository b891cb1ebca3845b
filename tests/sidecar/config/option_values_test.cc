#include "sidecar/config/option_values.h"

#include <gtest/gtest.h>

namespace sidestep::sidecar {
namespace {

ListenAddress listen(std::string_view text) { return parse_listen(text).value_or({"refused", 0}); }
std::string wrong(const auto& result) { return result ? "accepted" : result.error().detail; }

TEST(OptionValues, AListenerForClientsMaySpeakTlsAndTakeProxyHeaders) {
  const ListenAddress plain{"127.0.0.1", 8443};
  ListenAddress both = plain;
  both.tls = both.proxy = true;
  EXPECT_EQ(*parse_client_listen("127.0.0.1:8443"), plain);
  EXPECT_EQ(*parse_client_listen("proxy+tls://127.0.0.1:8443"), both);
  EXPECT_TRUE(parse_client_listen("tls://:1")->tls && !parse_client_listen("tls://:1")->proxy);
  EXPECT_TRUE(parse_client_listen("proxy://:1")->proxy && !parse_client_listen("proxy://:1")->tls);
  EXPECT_NE(parse_client_listen("https://:1").error().detail.find("write tls://:8443"), std::string::npos);
}

TEST(OptionValues, ListenTakesEveryUsualFormOfAnAddress) {
  EXPECT_EQ(listen(":8080"), (ListenAddress{"::", 8080}));
  EXPECT_EQ(listen("0.0.0.0:8080"), (ListenAddress{"0.0.0.0", 8080}));
  EXPECT_EQ(listen("[::]:8080"), (ListenAddress{"::", 8080, true}));
  EXPECT_EQ(listen("unix:/run/shop.sock"), (ListenAddress{"", 0, false, "/run/shop.sock"}));
  EXPECT_EQ(listen("127.0.0.1:8080"), (ListenAddress{"127.0.0.1", 8080}));
  EXPECT_EQ(listen("localhost:8080"), (ListenAddress{"127.0.0.1", 8080}));
  EXPECT_EQ(listen("[fd00::1]:65535"), (ListenAddress{"fd00::1", 65535}));
  EXPECT_EQ(listen("127.0.0.1:0"), (ListenAddress{"127.0.0.1", 0}));
}

TEST(OptionValues, AddressesArePrintedAsTheyAreRead) {
  for (const char* text : {"0.0.0.0:8080", "[::]:8080", ":8080", "[fd00::1]:1", "unix:/a"})
    EXPECT_EQ(to_string(listen(text)), text);
}

TEST(OptionValues, ListenRefusesWhatCouldMeanSomethingElse) {
  for (const char* text : {"", "8080", ":", ":x", ":-1", ":80 ", "127.0.0.1", "127.0.0.1:", "[::1:80",
                           "1.2.3:80", "[1.2.3.4]:80", "unix:", "unix:a.sock"}) {
    EXPECT_FALSE(parse_listen(text)) << text;
  }
  EXPECT_EQ(wrong(parse_listen(":65536")), "port 65536 does not exist; ports go from 1 to 65535");
  EXPECT_EQ(wrong(parse_listen("::1:80")), "an IPv6 address needs brackets; write [::1]:PORT");
  EXPECT_NE(wrong(parse_listen("shop:80")).find("names are not looked up"), std::string::npos);
}

TEST(OptionValues, AttachNamesAnAppOfThisMachineOnly) {
  EXPECT_EQ(parse_attach("127.0.0.1:3000").value_or({}), (AppAddress{3000, ""}));
  EXPECT_EQ(parse_attach(":3000").value_or({}), (AppAddress{3000, ""}));
  EXPECT_EQ(parse_attach("unix:/run/app.sock").value_or({}), (AppAddress{0, "/run/app.sock"}));
  EXPECT_EQ(wrong(parse_attach("198.18.0.7:3000")),
            "the app must listen on this machine's 127.0.0.1; write 127.0.0.1:3000");
  EXPECT_FALSE(parse_attach("unix:app.sock"));
  EXPECT_FALSE(parse_attach("unix:/" + std::string(107, 'x')));
  EXPECT_FALSE(parse_attach(":0"));
}

TEST(OptionValues, SizesKnowKiAndMiAndTheirBounds) {
  EXPECT_EQ(parse_size("64Ki", 0, 65'536).value_or(-1), 65'536);
  EXPECT_EQ(parse_size("1Mi", 0, 1 << 20).value_or(-1), 1 << 20);
  EXPECT_EQ(parse_size("17", 0, 17).value_or(-1), 17);
  EXPECT_FALSE(parse_size("65Ki", 0, 65'536));
  EXPECT_FALSE(parse_size("9223372036854775807Mi", 0, 1 << 20));
  EXPECT_FALSE(parse_size("-1", 0, 10));
  EXPECT_FALSE(parse_size("64KB", 0, 65'536));
}

TEST(OptionValues, DurationsNeedAUnitAndStayInRange) {
  EXPECT_EQ(parse_span("250ms", Millis(250), Millis(1000)).value_or(Millis(0)), Millis(250));
  EXPECT_FALSE(parse_span("30", Millis(0), Millis(100'000)));
  EXPECT_EQ(wrong(parse_span("2s", Millis(0), Millis(1000))), "out of range; write 0ms to 1s");
}

TEST(OptionValues, EnvironmentPairsKeepEverythingAfterTheFirstEquals) {
  EXPECT_EQ(parse_env("A_1=x=y ").value_or({}), (std::pair<std::string, std::string>("A_1", "x=y ")));
  EXPECT_EQ(parse_env("A=").value_or({}).second, "");
  for (const char* text : {"A", "=x", "1A=x", "A B=x", "A-B=x"}) EXPECT_FALSE(parse_env(text)) << text;
}

TEST(OptionValues, NetworksAreAddressesWithAPrefix) {
  for (const char* text : {"10.0.0.0/8", "10.1.2.3", "fd00::/8", "::/0"})
    EXPECT_TRUE(parse_network(text)) << text;
  for (const char* text : {"10.0.0.0/33", "10.0.0/8", "fd00::/129", "10.0.0.0/", "lan"})
    EXPECT_FALSE(parse_network(text)) << text;
}

}  // namespace
}  // namespace sidestep::sidecar
