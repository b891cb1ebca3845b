// Heads for an app that speaks HTTP/2, made from heads of HTTP/1.
#include <gtest/gtest.h>

#include "lib/http/forwarding.h"
#include "lib/http/h1_parser.h"

namespace sidestep::http {
namespace {

class ForwardingH2Test : public ::testing::Test {
 protected:
  std::string forwarded(std::string_view text, bool trusted = false) {
    HeaderStore store;
    RequestHead head;
    const HeadResult result = parse_request_head(text, {}, &head, store);
    EXPECT_EQ(result.state, HeadResult::kDone) << to_string(result.reason);
    ForwardContext context;
    context.client_ip = "192.0.2.1";
    context.local_port = 80;
    context.trusted = trusted;
    context.framing = head.framing;
    context.content_length = head.content_length;
    context.upgrade = head.upgrade;
    std::string out;
    append_h2_request_head(out, head, context);
    return out;
  }
};

constexpr std::string_view kSource =
    "x-forwarded-for: 192.0.2.1\r\nx-forwarded-proto: http\r\nx-forwarded-host: a\r\nx-forwarded-port: 80\r\n"
    "forwarded: for=192.0.2.1;host=\"a\";proto=http\r\n";

TEST_F(ForwardingH2Test, PseudoFieldsComeFirstAndNamesAreInLowerCase) {
  EXPECT_EQ(forwarded("POST /x?y HTTP/1.1\r\nHost: a\r\nX-App: One Two\r\nContent-Length: 3\r\n\r\n"),
            ":method: POST\r\n:scheme: http\r\n:authority: a\r\n:path: /x?y\r\nx-app: One Two\r\n" +
                std::string(kSource) + "content-length: 3\r\n");
}

TEST_F(ForwardingH2Test, FieldsOfOneConnectionStayThere) {
  const std::string out = forwarded(
      "POST /x HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, X-Hop, TE\r\nKeep-Alive: 5\r\nX-Hop: 1\r\n"
      "TE: trailers\r\nTransfer-Encoding: chunked\r\nX-Forwarded-For: 6.6.6.6\r\n\r\n");
  EXPECT_EQ(out, ":method: POST\r\n:scheme: http\r\n:authority: a\r\n:path: /x\r\n" + std::string(kSource) +
                     "te: trailers\r\n");
}

TEST_F(ForwardingH2Test, AWebSocketBecomesAnExtendedConnect) {
  const std::string out = forwarded(
      "GET /chat HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
      "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n");
  EXPECT_EQ(out,
            ":method: CONNECT\r\n:protocol: websocket\r\n:scheme: http\r\n:authority: a\r\n:path: /chat\r\n"
            "sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n" +
                std::string(kSource));
}

TEST_F(ForwardingH2Test, AnotherUpgradeIsLeftOut) {
  const std::string out =
      forwarded("GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: raw\r\n\r\n");
  EXPECT_EQ(out, ":method: GET\r\n:scheme: http\r\n:authority: a\r\n:path: /\r\n" + std::string(kSource));
}

}  // namespace
}  // namespace sidestep::http
