// A server and a client joined in memory: what one is told, the other is told to have been told.
#include "lib/http/h2_session.h"

#include <gtest/gtest.h>

#include "tests/lib/http/h2_link.h"

namespace sidestep::http {
namespace {

class H2SessionTest : public ::testing::Test {
 protected:
  H2Stream& ask(std::string_view method, std::string_view path, bool ends, HeaderStore fields = {}) {
    H2Stream& stream = client_.events.streams.emplace_back();
    H2Fields head{method, "http", "shop", path, {}, 0, &fields};
    EXPECT_TRUE(client_.session.request(stream, head, ends));
    client_.session.flush(stream);
    exchange(client_, server_);
    return stream;
  }
  H2Stream& asked() { return server_.events.streams.back(); }
  void send(H2Peer& from, H2Stream& stream, std::string_view body) {
    from.session.write(stream, body);
    from.session.flush(stream);
    exchange(client_, server_);
  }
  void end(H2Peer& from, H2Stream& stream, HeaderStore trailers = {}) {
    from.session.end(stream, trailers);
    from.session.flush(stream);
    exchange(client_, server_);
  }

  H2Peer client_{H2Role::kClient}, server_{H2Role::kServer};
};

TEST_F(H2SessionTest, ARequestAndItsAnswerPassWhole) {
  ask("POST", "/a?b", false, {{"x-one", "1"}});
  end(client_, client_.events.streams.back());
  EXPECT_EQ(server_.events.take_log(), "request 1 POST shop/a?b x-one=1\nend\n");

  const HeaderStore fields{{"Content-Type", "text/plain"}};
  server_.session.respond(asked(), 200, fields, false);
  send(server_, asked(), "hello");
  end(server_, asked(), {{"x-sum", "5"}});
  EXPECT_EQ(client_.events.take_log(),
            "response 200 content-type=text/plain\ndata 5\nend x-sum=5\nclosed 0\n");
  EXPECT_EQ(server_.events.take_log(), "closed 0\n");
  EXPECT_TRUE(asked().local_ended && asked().remote_ended);
}

TEST_F(H2SessionTest, HeadBodyAndEndOfASmallAnswerAreTwoFrames) {
  ask("GET", "/", true);
  server_.session.respond(asked(), 200, {}, false);
  server_.session.write(asked(), "body");
  server_.session.end(asked(), {});
  server_.session.flush(asked());
  const std::string out(server_.session.output());
  ASSERT_GE(out.size(), 9U + 4U);
  EXPECT_EQ(out.substr(out.size() - 13), h2_frame(kDataFrame, kEndStream, 1, "body"));
}

TEST_F(H2SessionTest, InterimAnswersComeBeforeTheLast) {
  ask("POST", "/", false);
  server_.session.interim(asked(), 100, {});
  server_.session.respond(asked(), 204, {}, true);
  exchange(client_, server_);
  EXPECT_EQ(client_.events.take_log(), "response 100\nresponse 204 ends\n");
}

TEST_F(H2SessionTest, ABodyBeyondTheWindowWaitsUntilItIsConsumed) {
  ask("GET", "/", true);
  server_.session.respond(asked(), 200, {}, false);
  const std::string body(client_.limits.stream_window + 1'000, 'x');
  send(server_, asked(), body);
  EXPECT_EQ(client_.events.body.size(), client_.limits.stream_window);
  EXPECT_EQ(asked().unsent(), 1'000U);

  H2Stream& mine = client_.events.streams.back();
  client_.session.consume(mine, client_.limits.stream_window);
  end(server_, asked());
  EXPECT_EQ(client_.events.body.size(), body.size());
  EXPECT_EQ(asked().unsent(), 0U);
}

TEST_F(H2SessionTest, AReaderThatIsAlwaysALittleBehindCostsNoMoreThanItIsBehind) {
  ask("GET", "/", true);
  server_.session.respond(asked(), 200, {}, false);
  const std::size_t half = client_.limits.stream_window / 2;
  send(server_, asked(), std::string(4 * half, 'x'));
  H2Stream& mine = client_.events.streams.back();
  for (int round = 0; round < 20; ++round) {
    client_.session.consume(mine, half);
    exchange(client_, server_);
    send(server_, asked(), std::string(half, 'x'));
    ASSERT_GT(asked().unsent(), 0U);
  }
  EXPECT_GT(client_.events.body.size(), 10 * half);
  EXPECT_LE(asked().kept(), 6 * half);
}

TEST_F(H2SessionTest, StreamsThatAreNotConsumedFillTheConnectionAndNoMore) {
  for (int i = 0; i < 8; ++i) {
    H2Stream& stream = ask("POST", "/", false);
    send(client_, stream, std::string(client_.limits.stream_window, 'x'));
  }
  EXPECT_EQ(server_.events.body.size(), server_.limits.connection_window);
  for (H2Stream& stream : server_.events.streams) server_.session.reset(stream, H2Error::kCancel);
  server_.events.body.clear();
  exchange(client_, server_);
  H2Stream& next = ask("POST", "/", false);
  send(client_, next, std::string(1'000, 'x'));
  EXPECT_EQ(server_.events.body.size(), 1'000U) << "what closed streams held is given back";
}

TEST_F(H2SessionTest, NoMoreFramesAreMadeThanTheOutputMayHold) {
  H2Limits wide;
  wide.stream_window = wide.connection_window = 16 << 20;
  H2Peer client(H2Role::kClient, wide);
  H2Stream& mine = client.events.streams.emplace_back();
  ASSERT_TRUE(client.session.request(mine, H2Fields{"GET", "http", "shop", "/", {}, 0, nullptr}, true));
  exchange(client, server_);
  server_.session.respond(asked(), 200, {}, false);
  const std::string body(4 << 20, 'x');
  server_.session.write(asked(), body);
  server_.session.flush(asked());
  EXPECT_TRUE(server_.session.output_full());
  EXPECT_LT(server_.session.output().size(), server_.limits.max_output + 20'000);
  server_.session.end(asked(), {});
  server_.session.flush(asked());
  exchange(client, server_);
  EXPECT_EQ(client.events.body.size(), 4U << 20);
}

TEST_F(H2SessionTest, AResetReachesTheOtherSideWithItsCode) {
  H2Stream& stream = ask("POST", "/", false);
  server_.events.take_log();
  client_.session.reset(stream, H2Error::kCancel);
  exchange(client_, server_);
  EXPECT_EQ(server_.events.take_log(), "closed 8\n");
  server_.session.respond(asked(), 200, {}, true);  // too late: nothing happens
  exchange(client_, server_);
  EXPECT_EQ(client_.events.take_log(), "closed 8\n");
}

TEST_F(H2SessionTest, ARefusedStreamIsToldSo) {
  server_.events.refuses = true;
  ask("GET", "/", true);
  EXPECT_EQ(client_.events.take_log(), "closed 7\n");
}

TEST_F(H2SessionTest, ShuttingDownTellsTwiceAndServesWhatComesBetween) {
  ask("GET", "/first", true);
  server_.session.announce_shutdown();
  const std::string notice(server_.session.output());
  server_.session.sent(notice.size());
  ASSERT_EQ(notice.size(), 17U + 17U);
  EXPECT_EQ(static_cast<int>(notice[3]), 7);               // GOAWAY first: the ack of
  EXPECT_EQ(static_cast<int>(notice[17 + 3]), 6);          // PING proves that it was read
  H2Stream& late = client_.events.streams.emplace_back();  // asked before the notice came
  ASSERT_TRUE(client_.session.request(late, H2Fields{"GET", "http", "shop", "/late", {}, 0, nullptr}, true));
  const std::string asked_late(client_.session.output());
  client_.session.sent(asked_late.size());
  ASSERT_TRUE(client_.session.receive(notice, TimePoint()));
  EXPECT_FALSE(client_.session.request(client_.events.streams.emplace_back(),
                                       H2Fields{"GET", "http", "a", "/", {}, 0, nullptr}, true));
  ASSERT_TRUE(server_.session.receive(asked_late, TimePoint()));
  exchange(client_, server_);
  EXPECT_EQ(client_.events.take_log(), "goaway 2147483647 0\n");
  EXPECT_EQ(server_.events.take_log(),
            "request 1 GET shop/first ends\nrequest 3 GET shop/late ends\nping ack\n");
  server_.session.shut();
  for (H2Stream& stream : server_.events.streams) server_.session.respond(stream, 204, {}, true);
  exchange(client_, server_);
  EXPECT_EQ(client_.events.take_log(),
            "goaway 3 0\nresponse 204 ends\nclosed 0\nresponse 204 ends\nclosed 0\n");
  EXPECT_TRUE(server_.session.finished());
}

TEST_F(H2SessionTest, AWebSocketIsAskedForByItsProtocol) {
  exchange(client_, server_);
  EXPECT_TRUE(client_.session.peer_takes_websockets());
  H2Stream& stream = client_.events.streams.emplace_back();
  ASSERT_TRUE(client_.session.request(
      stream, H2Fields{"CONNECT", "https", "shop", "/chat", "websocket", 0, nullptr}, false));
  exchange(client_, server_);
  EXPECT_EQ(server_.events.take_log(), "request 1 CONNECT shop/chat protocol=websocket\n");
  server_.session.respond(asked(), 200, {}, false);
  send(server_, asked(), "pong");
  send(client_, stream, "ping");
  EXPECT_EQ(server_.events.take_log(), "data 4\n");
  EXPECT_EQ(client_.events.take_log(), "response 200\ndata 4\n");
}

TEST_F(H2SessionTest, BytesMayBeCutAnywhere) {
  H2Stream& stream = client_.events.streams.emplace_back();
  HeaderStore fields{{"x-long", "0123456789012345678901234567890123456789"}};
  ASSERT_TRUE(client_.session.request(stream, H2Fields{"PUT", "http", "shop", "/", {}, 0, &fields}, false));
  client_.session.write(stream, "body");
  client_.session.end(stream, {});
  client_.session.flush(stream);
  for (const char c : std::string(client_.session.output())) {
    ASSERT_TRUE(server_.session.receive({&c, 1}, TimePoint()));
  }
  EXPECT_EQ(server_.events.body, "body");
  EXPECT_NE(server_.events.log.find("x-long=0123456789012345678901234567890123456789"), std::string::npos);
}

}  // namespace
}  // namespace sidestep::http
