#include "lib/http/ws_accept.h"

#include <gtest/gtest.h>

namespace sidestep::http {
namespace {

TEST(WsAcceptTest, TheExampleOfTheRfcFits) {
  EXPECT_EQ(websocket_accept("dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
}

TEST(WsAcceptTest, AKeyThatFillsItsLastBlockIsPaddedIntoAnother) {
  // 64 bytes together with the constant, checked with Python's hashlib.
  EXPECT_EQ(websocket_accept(std::string(28, 'k')), "x9bmfLYIxLMaaT5h0sFuRlAhhb8=");
  EXPECT_EQ(websocket_accept(std::string(19, 'k')), "tWclcP21hrR+xgjYVswtQRW71GQ=");
}

}  // namespace
}  // namespace sidestep::http
