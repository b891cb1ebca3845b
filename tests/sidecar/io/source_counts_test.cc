#include "sidecar/io/source_counts.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

namespace sidestep::sidecar {
namespace {

in6_addr source(const char* text) {
  in6_addr address{};
  inet_pton(AF_INET6, text, &address);
  return address;
}

TEST(SourceCounts, ASourceHasAsManyAsItMayAndOthersTheirOwn) {
  SourceCounts counts(2);
  EXPECT_TRUE(counts.enter(source("::ffff:192.0.2.1")));
  EXPECT_TRUE(counts.enter(source("::ffff:192.0.2.1")));
  EXPECT_FALSE(counts.enter(source("::ffff:192.0.2.1")));
  EXPECT_TRUE(counts.enter(source("::ffff:192.0.2.2")));
  counts.leave(source("::ffff:192.0.2.1"));
  EXPECT_TRUE(counts.enter(source("::ffff:192.0.2.1")));
}

TEST(SourceCounts, ANetworkOf64BitsIsOneSource) {
  SourceCounts counts(1);
  EXPECT_TRUE(counts.enter(source("2001:db8::1")));
  EXPECT_FALSE(counts.enter(source("2001:db8::ffff:2")));
  EXPECT_TRUE(counts.enter(source("2001:db8:0:1::1")));
}

TEST(SourceCounts, WithoutABoundAndOverAUnixSocketNobodyIsCounted) {
  SourceCounts unbounded(0), one(1);
  for (int i = 0; i < 3; ++i) {
    EXPECT_TRUE(unbounded.enter(source("::1")));
    EXPECT_TRUE(one.enter(in6addr_any));
  }
}

TEST(SourceCounts, ShardsThatAcceptAtTheSameTimeNeverExceedTheBoundTogether) {
  SourceCounts counts(100);
  std::atomic<int> entered = 0;
  std::vector<std::thread> shards;
  for (int i = 0; i < 4; ++i) {
    shards.emplace_back([&] {
      for (int j = 0; j < 1'000; ++j) entered += counts.enter(source("::1")) ? 1 : 0;
    });
  }
  for (std::thread& shard : shards) shard.join();
  EXPECT_EQ(entered, 100);
}

}  // namespace
}  // namespace sidestep::sidecar
