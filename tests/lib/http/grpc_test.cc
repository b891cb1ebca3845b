#include "lib/http/grpc.h"

#include <gtest/gtest.h>

namespace sidestep::http {
namespace {

bool is_grpc_type(std::string_view type) {
  const HeaderStore headers{{"x", "y"}, {"Content-Type", type}};
  return is_grpc(headers);
}

TEST(GrpcTest, AMessageIsKnownByItsContentType) {
  EXPECT_TRUE(is_grpc_type("application/grpc"));
  EXPECT_TRUE(is_grpc_type("application/grpc+proto"));
  EXPECT_TRUE(is_grpc_type("Application/GRPC; charset=x"));
  EXPECT_FALSE(is_grpc_type("application/grpc-web+proto"));
  EXPECT_FALSE(is_grpc_type("application/json"));
  EXPECT_FALSE(is_grpc({}));
}

TEST(GrpcTest, AStatusThatIsNoneIsUnknown) {
  EXPECT_EQ(grpc_code_of("0"), 0);
  EXPECT_EQ(grpc_code_of("14"), kGrpcUnavailable);
  EXPECT_EQ(grpc_code_of("16"), 16);
  for (const std::string_view wrong : {"17", "", "1x", "-1", "999999999999"}) {
    EXPECT_EQ(grpc_code_of(wrong), kGrpcUnknown) << wrong;
  }
  EXPECT_EQ(grpc_code_name(14), "UNAVAILABLE");
  EXPECT_EQ(grpc_code_name(99), "UNKNOWN");
}

TEST(GrpcTest, WhatMapsToA5xxIsAFailureOfTheServer) {
  std::string failures;
  for (int code = 0; code < static_cast<int>(kGrpcCodes); ++code) {
    if (is_grpc_failure(code)) failures.append(grpc_code_name(code)).append(" ");
  }
  EXPECT_EQ(failures, "UNKNOWN DEADLINE_EXCEEDED UNIMPLEMENTED INTERNAL UNAVAILABLE DATA_LOSS ");
}

TEST(GrpcTest, AnAnswerWithoutGrpcStatusHasTheOneThatGrpcGivesIt) {
  EXPECT_EQ(grpc_code_of_http(503), kGrpcUnavailable);
  EXPECT_EQ(grpc_code_of_http(400), 13);
  EXPECT_EQ(grpc_code_of_http(404), 12);
  EXPECT_EQ(grpc_code_of_http(418), kGrpcUnknown);
  EXPECT_EQ(grpc_status_lines(14, "gone"), "grpc-status: 14\r\ngrpc-message: gone\r\n");
}

std::string message(std::size_t size) {
  std::string bytes(5, '\0');
  bytes[3] = static_cast<char>(size >> 8);
  bytes[4] = static_cast<char>(size & 0xff);
  return bytes + std::string(size, 'm');
}

TEST(GrpcFrameTrackerTest, EndsOfMessagesAreFoundAtEverySplit) {
  const std::string bytes = message(3) + message(0) + message(300);
  const std::vector<std::size_t> ends{8, 13, 318};
  for (std::size_t split = 0; split <= bytes.size(); ++split) {
    GrpcFrameTracker tracker;
    EXPECT_TRUE(tracker.at_boundary());
    const auto before = std::upper_bound(ends.begin(), ends.end(), split) - ends.begin();
    EXPECT_EQ(tracker.feed(bytes.substr(0, split)),
              before == 0 ? 0 : ends[static_cast<std::size_t>(before - 1)]);
    EXPECT_EQ(tracker.messages(), before) << split;
    tracker.feed(bytes.substr(split));
    EXPECT_TRUE(tracker.at_boundary());
    EXPECT_EQ(tracker.messages(), 3);
  }
}

}  // namespace
}  // namespace sidestep::http
