#include "lib/http/proxy_header.h"

#include <gtest/gtest.h>

#include <vector>

namespace sidestep::http {
namespace {

const std::string kV2Begin("\r\n\r\n\0\r\nQUIT\n", 12);

ProxyHeader v4() {
  ProxyHeader header;
  header.has_addresses = true;
  header.source.ip = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 192, 0, 2, 7};
  header.destination.ip = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 198, 18, 0, 1};
  header.source.port = 56'324;
  header.destination.port = 443;
  return header;
}

ProxyHeader v6() {
  ProxyHeader header = v4();
  header.source.ip = {0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x0a};
  header.destination.ip = {0x20, 0x01, 0x0d, 0xb8, 0, 1, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6};
  return header;
}

ProxyResult parse(const std::string& bytes) {
  ProxyHeader ignored;
  return parse_proxy_header(bytes, &ignored);
}
std::string why(const std::string& bytes) {
  const ProxyResult result = parse(bytes);
  return result.state == ProxyResult::kBad ? std::string(result.why) : "not refused";
}

struct Case {
  std::string bytes;
  ProxyHeader header;
};

std::vector<Case> good_ones() {
  std::vector<Case> all{
      {"PROXY TCP4 192.0.2.7 198.18.0.1 56324 443\r\n", v4()},
      {"PROXY TCP6 2001:db8::a 2001:db8:1:2:3:4:5:6 56324 443\r\n", {}},
      {"PROXY TCP6 ::ffff:192.0.2.7 ::ffff:198.18.0.1 56324 443\r\n", v4()},
      {"PROXY UNKNOWN\r\n", {}},
      {"PROXY UNKNOWN ffff:f...f:ffff ffff:f...f:ffff 65535 65535\r\n", {}},
      {kV2Begin + std::string("\x20\x00\x00\x00", 4), {}},
      {kV2Begin + std::string("\x21\x00\x00\x03", 4) + "abc", {}},
  };
  all[1].header = v6();
  all[1].header.destination.ip = {0x20, 0x01, 0x0d, 0xb8, 0, 1, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6};
  for (const ProxyHeader& header : {v4(), v6(), ProxyHeader{}}) {
    append_proxy_v1(all.emplace_back(Case{"", header}).bytes, header);
    append_proxy_v2(all.emplace_back(Case{"", header}).bytes, header);
  }
  // A value of two bytes behind the addresses.
  Case with_values{"", v4()};
  append_proxy_v2(with_values.bytes, v4());
  with_values.bytes[15] = static_cast<char>(12 + 5);
  with_values.bytes += std::string("\x04\x00\x02hi", 5);
  all.push_back(with_values);
  return all;
}

TEST(ProxyHeaderTest, BothVersionsAreReadAndTheirEndIsFound) {
  for (const Case& one : good_ones()) {
    ProxyHeader header;
    const ProxyResult result = parse_proxy_header(one.bytes + "GET / HTTP/1.1", &header);
    EXPECT_EQ(result.state, ProxyResult::kDone) << one.bytes << result.why;
    EXPECT_EQ(result.size, one.bytes.size()) << one.bytes;
    EXPECT_EQ(header, one.header) << one.bytes;
  }
}

TEST(ProxyHeaderTest, EveryBeginningOfAHeaderNeedsMore) {
  for (const Case& one : good_ones()) {
    for (std::size_t size = 0; size < one.bytes.size(); ++size)
      EXPECT_EQ(parse(one.bytes.substr(0, size)).state, ProxyResult::kNeedMore) << one.bytes << size;
  }
}

TEST(ProxyHeaderTest, TextThatIsNotExactlyAHeaderIsRefused) {
  EXPECT_EQ(why("GET / HTTP/1.1\r\n"), "proxy_header_missing");
  EXPECT_EQ(why("proxy TCP4"), "proxy_header_missing");
  EXPECT_EQ(why("PROXY\r\n"), "proxy_header_missing");
  EXPECT_EQ(why("PROXY TCP5 1.2.3.4 1.2.3.4 1 2\r\n"), "proxy_header_family");
  EXPECT_EQ(why("PROXY UNKNOWN\n"), "proxy_header_line_end");
  EXPECT_EQ(why("PROXY " + std::string(107, 'x')), "proxy_header_too_long");
  for (const char* rest :
       {"1.2.3.4 1.2.3.4 1", "1.2.3.4 1.2.3.4 1 2 3", "1.2.3.4  1.2.3.4 1 2", "1.2.3 1.2.3.4 1 2",
        "1.2.3.256 1.2.3.4 1 2", "01.2.3.4 1.2.3.4 1 2", "1.2.3.4 1.2.3.4 65536 2", "1.2.3.4 1.2.3.4 -1 2",
        "1.2.3.4 1.2.3.4 01 2", "1.2.3.4 1.2.3.4 1 ", " 1.2.3.4 1.2.3.4 1 2", "::1 ::1 1 2",
        "1.2.3.4 1.2.3.4 1 2 "}) {
    EXPECT_EQ(why(std::string("PROXY TCP4 ") + rest + "\r\n"), "proxy_header_address") << rest;
  }
  for (const char* ip : {"", ":", ":::", "1::2::3", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "12345::", "g::",
                         "1.2.3.4", "::1.2.3", "1:2:3:4:5:6:7::8", "::1%lo", "1:2:3:4:5:6:7:1.2.3.4"}) {
    EXPECT_EQ(why(std::string("PROXY TCP6 ") + ip + " ::1 1 2\r\n"), "proxy_header_address") << ip;
  }
}

TEST(ProxyHeaderTest, BinaryThatIsNotExactlyAHeaderIsRefused) {
  const auto with = [](const char* fixed) { return kV2Begin + std::string(fixed, 4); };
  EXPECT_EQ(why(with("\x11\x11\x00\x0c")), "proxy_header_version");
  EXPECT_EQ(why(with("\x22\x11\x00\x0c")), "proxy_header_version");
  EXPECT_EQ(why(with("\x21\x12\x00\x0c")), "proxy_header_family") << "UDP";
  EXPECT_EQ(why(with("\x21\x11\x00\x0b")), "proxy_header_address") << "shorter than its addresses";
  EXPECT_EQ(why(with("\x21\x11\x07\xf1")), "proxy_header_too_long");
  std::string cut_value = with("\x21\x11\x00\x0f") + std::string(12, 'a') + std::string("\x04\x00\x01", 3);
  EXPECT_EQ(why(cut_value), "proxy_header_values");
}

}  // namespace
}  // namespace sidestep::http
