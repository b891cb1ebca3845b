#include "sidecar/io/trusted_sources.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>

namespace sidestep::sidecar {
namespace {

in6_addr ip(const char* text) {
  in6_addr address{};
  const std::string mapped = std::string("::ffff:") + text;
  if (inet_pton(AF_INET6, text, &address) != 1) inet_pton(AF_INET6, mapped.c_str(), &address);
  return address;
}
bool trusts(const char* network, const char* address) {
  return TrustedSources::parse({network})->contains(ip(address));
}

TEST(TrustedSources, BlocksOfIPv4EndWhereTheirPrefixSays) {
  EXPECT_TRUE(trusts("10.0.0.0/8", "10.255.255.255"));
  EXPECT_FALSE(trusts("10.0.0.0/8", "11.0.0.0"));
  EXPECT_TRUE(trusts("192.0.2.128/25", "192.0.2.128"));
  EXPECT_FALSE(trusts("192.0.2.128/25", "192.0.2.127"));
  EXPECT_TRUE(trusts("192.0.2.7", "192.0.2.7"));
  EXPECT_FALSE(trusts("192.0.2.7", "192.0.2.6"));
  EXPECT_TRUE(trusts("0.0.0.0/0", "198.18.0.1"));
}

TEST(TrustedSources, BlocksOfIPv6EndWhereTheirPrefixSays) {
  EXPECT_TRUE(trusts("fd00::/8", "fdff::1"));
  EXPECT_FALSE(trusts("fd00::/8", "fe00::1"));
  EXPECT_TRUE(trusts("2001:db8:0:8000::/49", "2001:db8:0:ffff::9"));
  EXPECT_FALSE(trusts("2001:db8:0:8000::/49", "2001:db8:0:7fff::9"));
  EXPECT_TRUE(trusts("::1", "::1"));
  EXPECT_FALSE(trusts("::1/128", "::2"));
}

TEST(TrustedSources, OneFamilyDoesNotStandForTheOther) {
  EXPECT_FALSE(trusts("0.0.0.0/0", "::1"));
  EXPECT_FALSE(trusts("fd00::/8", "10.0.0.1"));
}

TEST(TrustedSources, ClientsOfAUnixSocketAreTrustedWhenTheListSaysSo) {
  EXPECT_TRUE(TrustedSources::parse({"unix"})->contains(in6addr_any));
  EXPECT_FALSE(trusts("unix", "::1"));
  EXPECT_FALSE(TrustedSources::parse({"0.0.0.0/0"})->contains(in6addr_any));
}

TEST(TrustedSources, WhatIsNoNetworkIsRefusedByName) {
  for (const char* entry :
       {"", "10.0.0.0/33", "fd00::/129", "10.0.0/8", "10.0.0.0/", "10.0.0.0/-1", "shop"}) {
    const auto parsed = TrustedSources::parse({"10.0.0.0/8", entry});
    ASSERT_FALSE(parsed) << entry;
    EXPECT_NE(parsed.error().detail.find(std::string("\"") + entry + "\""), std::string::npos);
  }
}

TEST(TrustedSources, AddressesAreWrittenAsAppsReadThem) {
  char buffer[INET6_ADDRSTRLEN];
  EXPECT_EQ(format_ip(ip("192.0.2.7"), buffer), "192.0.2.7");
  EXPECT_EQ(format_ip(ip("2001:db8::1"), buffer), "2001:db8::1");
  EXPECT_EQ(format_ip(in6addr_any, buffer), "unknown");
}

}  // namespace
}  // namespace sidestep::sidecar
