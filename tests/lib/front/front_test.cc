// A real Front on a real loop with a clock moved by hand; the test is both client and server, in one thread,
// and never waits for time to pass.
#include "lib/front/front.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>

namespace sidestep::front {
namespace {

class HandClock final : public Clock {
 public:
  TimePoint steady() const override { return now; }
  WallTime wall() const override { return WallTime{}; }
  TimePoint now{std::chrono::hours(1)};
};

class FrontTest : public ::testing::Test {
 protected:
  FrontTest() {
    char name[] = "/tmp/sidestep-test-XXXXXX";
    folder_ = mkdtemp(name);
    server_ = *listen_unix(server_path(), 0600);
  }
  ~FrontTest() override {
    front_.reset();
    std::filesystem::remove_all(folder_);
  }

  std::string server_path() const { return folder_ + "/server"; }
  void start() {
    Settings settings;
    settings.server_path = server_path();
    settings.door_token = "token";
    settings.limits = limits_;
    settings.wake_server = [this] { ++wakes_; };
    settings.answer_here = [](const Request& request, const Principal&) -> std::optional<Reply> {
      if (request.target != "/here") return std::nullopt;
      return Reply{503, {{"X", "y"}}, "not yet"};
    };
    front_ = std::make_unique<Front>(loop_, std::move(settings));
    UniqueFd listener = *listen_tcp("127.0.0.1", 0);
    port_ = local_port(listener.get());
    front_->serve(std::move(listener), false);
    front_->serve(*listen_unix(folder_ + "/local", 0600), true);
  }
  void turn(int turns = 10) {
    for (int i = 0; i < turns; ++i) loop_.run_once(Millis(0));
  }
  void pass(Millis time) {
    clock_.now += time + Millis(8);  // past the timer's tick
    turn();
  }
  UniqueFd client() {
    UniqueFd fd = *connect_tcp("127.0.0.1", port_);
    turn();
    return fd;
  }
  void send_text(const UniqueFd& fd, const std::string& text) {
    ASSERT_EQ(send(fd.get(), text.data(), text.size(), MSG_NOSIGNAL), static_cast<ssize_t>(text.size()));
    turn();
  }
  // What has come; ends in "<end>" when the other side closed.
  static std::string received(const UniqueFd& fd) {
    std::string text;
    char part[4096];
    while (true) {
      const ssize_t got = read(fd.get(), part, sizeof part);
      if (got == 0) return text + "<end>";
      if (got < 0) return errno == EAGAIN ? text : text + "<reset>";
      text.append(part, static_cast<std::size_t>(got));
    }
  }
  // The call that the server got, and its answer.
  std::string serve_call(const std::string& body = "ok") {
    UniqueFd call = accept_connection(server_.get());
    if (!call) return "no call";
    const std::string bytes = received(call);
    const std::string answer =
        "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
    EXPECT_EQ(send(call.get(), answer.data(), answer.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(answer.size()));
    call.reset();
    turn();
    return bytes;
  }
  std::uint64_t refused(const std::string& reason) const {
    const auto all = front_->refusals();
    const auto found = all.find(reason);
    return found == all.end() ? 0 : found->second;
  }

  const std::string get_ = "GET /x HTTP/1.1\r\nHost: a\r\n\r\n";
  const std::string answer_ = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
  HandClock clock_;
  EventLoop loop_{clock_};
  Limits limits_;
  std::string folder_;
  UniqueFd server_;
  int wakes_ = 0;
  std::uint16_t port_ = 0;
  std::unique_ptr<Front> front_;
};

TEST_F(FrontTest, RequestReachesTheServerWithItsPrincipalAndTheConnectionIsKept) {
  start();
  const UniqueFd c = client();
  for (int i = 0; i < 2; ++i) {
    send_text(c, get_);
    EXPECT_NE(serve_call().find("Sidestep-Door: token\r\nSidestep-Principal: tcp 127.0.0.1\r\n"),
              std::string::npos);
    EXPECT_EQ(received(c), answer_);
  }
}

TEST_F(FrontTest, ThoseThatAreHereWhenItStopsAcceptingGetAnAnswerThatCloses) {
  start();
  UniqueFd c = client();
  send_text(c, get_.substr(0, 5));
  turn();
  front_->stop_accepting();
  EXPECT_FALSE(front_->is_quiet());
  send_text(c, get_.substr(5));
  serve_call();
  EXPECT_NE(received(c).find("Connection: close"), std::string::npos);
  c.reset();
  turn();
  EXPECT_TRUE(front_->is_quiet());
}

TEST_F(FrontTest, ServerIsWokenOnceAndNotForWhatIsAnsweredHere) {
  start();
  const UniqueFd c = client();
  send_text(c, "GET /here HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_EQ(received(c), "HTTP/1.1 503 Service Unavailable\r\nX: y\r\nContent-Length: 7\r\n\r\nnot yet");
  EXPECT_EQ(wakes_, 0);
  for (int i = 0; i < 2; ++i) {
    send_text(c, get_);
    serve_call();
    EXPECT_EQ(received(c), answer_);
  }
  EXPECT_EQ(wakes_, 1);
}

TEST_F(FrontTest, UnixSocketGivesTheLocalPrincipal) {
  start();
  const UniqueFd c = *connect_unix(folder_ + "/local");
  turn();
  send_text(c, "GET /x HTTP/1.1\r\nHost: a\r\nSidestep-Principal: tcp 1.2.3.4\r\n\r\n");
  const std::string call = serve_call();
  EXPECT_NE(call.find("Sidestep-Principal: local\r\n"), std::string::npos);
  EXPECT_EQ(call.find("1.2.3.4"), std::string::npos);
}

TEST_F(FrontTest, RequestIsServedAtEverySplit) {
  start();
  for (std::size_t split = 1; split < get_.size(); ++split) {
    const UniqueFd c = client();
    send_text(c, get_.substr(0, split));
    send_text(c, get_.substr(split));
    serve_call();
    ASSERT_EQ(received(c), answer_) << split;
  }
}

TEST_F(FrontTest, PipelinedRequestsAreServedInOrder) {
  start();
  const UniqueFd c = client();
  send_text(c, get_ + get_);
  serve_call("one");
  serve_call("two");
  EXPECT_EQ(received(c),
            "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\noneHTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\ntwo");
}

TEST_F(FrontTest, BrokenRequestNeverReachesTheServerAndEndsTheConnection) {
  start();
  const UniqueFd c = client();
  send_text(c, "GET / HTTP/1.1\nHost: a\n\n");
  EXPECT_EQ(serve_call(), "no call");
  const std::string answer = received(c);
  EXPECT_EQ(answer.substr(0, 12), "HTTP/1.1 400");
  EXPECT_NE(answer.find("Connection: close"), std::string::npos);
  EXPECT_EQ(answer.substr(answer.size() - 5), "<end>");
  EXPECT_EQ(refused("bare_lf"), 1U);
}

TEST_F(FrontTest, HeadThatDripsIsRefusedAtItsDeadlineHoweverOftenAByteComes) {
  start();
  const UniqueFd c = client();
  pass(Millis(29'000));  // idle: no deadline of a head yet
  for (int i = 0; i < 9; ++i) send_text(c, get_.substr(static_cast<std::size_t>(i), 1)), pass(Millis(1'000));
  EXPECT_EQ(received(c), "");
  pass(Millis(1'000));
  EXPECT_EQ(received(c).substr(0, 12), "HTTP/1.1 408");
  EXPECT_EQ(refused("head_timeout"), 1U);
}

TEST_F(FrontTest, BodyThatDripsIsRefusedAtItsDeadline) {
  start();
  const UniqueFd c = client();
  send_text(c, "POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\na");
  pass(Millis(9'900));
  EXPECT_EQ(received(c), "");
  pass(Millis(100));
  EXPECT_EQ(received(c).substr(0, 12), "HTTP/1.1 408");
}

TEST_F(FrontTest, IdleConnectionIsClosedWithoutAWord) {
  start();
  const UniqueFd c = client();
  pass(Millis(30'000));
  EXPECT_EQ(received(c), "<end>");
  EXPECT_EQ(front_->connections(), 0U);
}

TEST_F(FrontTest, ClientThatWaitsForContinueGetsIt) {
  start();
  const UniqueFd c = client();
  send_text(c, "POST /x HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
  EXPECT_EQ(received(c), "HTTP/1.1 100 Continue\r\n\r\n");
  send_text(c, "{}");
  EXPECT_NE(serve_call().find("Content-Length: 2\r\n\r\n{}"), std::string::npos);
}

TEST_F(FrontTest, OneSourceMayNotTakeAllConnections) {
  limits_.max_per_source = 2;
  start();
  const UniqueFd a = client(), b = client(), c = client();
  EXPECT_NE(received(c).find("<"), std::string::npos);
  EXPECT_EQ(received(a), "");
  EXPECT_EQ(refused("too_many_of_one_source"), 1U);
}

TEST_F(FrontTest, CrowdOverTcpDoesNotLockOutTheLocalUser) {
  limits_.max_connections = 1;
  start();
  const UniqueFd a = client(), b = client();
  EXPECT_EQ(refused("too_many_connections"), 1U);
  const UniqueFd local = *connect_unix(folder_ + "/local");
  turn();
  send_text(local, get_);
  serve_call();
  EXPECT_EQ(received(local), answer_);
}

TEST_F(FrontTest, PlaceOfAClientThatLeftIsFreeAgain) {
  limits_.max_per_source = 1;
  start();
  for (int i = 0; i < 3; ++i) {
    const UniqueFd c = client();
    send_text(c, get_);
    serve_call();
    EXPECT_EQ(received(c), answer_);
  }
}

TEST_F(FrontTest, TooManyCallsAtOnceAreAnswered503) {
  limits_.max_calls = 1;
  start();
  const UniqueFd a = client(), b = client();
  send_text(a, get_);
  send_text(b, get_);
  EXPECT_EQ(received(b).substr(0, 12), "HTTP/1.1 503");
  serve_call();
  EXPECT_EQ(received(a), answer_);
}

TEST_F(FrontTest, ServerThatIsGoneOrLateOrBreaksOffIsNamed) {
  start();
  const UniqueFd late = client(), broken = client();
  send_text(broken, get_);
  accept_connection(server_.get()).reset();
  turn();
  EXPECT_EQ(received(broken).substr(0, 12), "HTTP/1.1 502");
  send_text(late, get_);
  pass(limits_.answer_timeout);
  EXPECT_EQ(received(late).substr(0, 12), "HTTP/1.1 504");
  server_.reset();
  const UniqueFd gone = client();
  send_text(gone, get_);
  pass(Millis(2'000));
  EXPECT_EQ(received(gone).substr(0, 12), "HTTP/1.1 503");
}

TEST_F(FrontTest, AnswerLargerThanTheBoundIsNotPassedOn) {
  limits_.max_answer_bytes = 100;
  start();
  const UniqueFd c = client();
  send_text(c, get_);
  serve_call(std::string(200, 'x'));
  EXPECT_EQ(received(c).substr(0, 12), "HTTP/1.1 502");
}

TEST_F(FrontTest, ClientThatDoesNotReadIsCutAtItsDeadline) {
  limits_.max_answer_bytes = std::size_t{64} << 20;
  start();
  UniqueFd c = client();
  send_text(c, get_);
  UniqueFd call = accept_connection(server_.get());
  received(call);
  const std::string head = "HTTP/1.1 200 OK\r\n\r\n";
  ASSERT_EQ(send(call.get(), head.data(), head.size(), 0), static_cast<ssize_t>(head.size()));
  const std::string block(100'000, 'x');
  for (int i = 0; i < 200; ++i) {
    std::size_t sent = 0;
    while (sent < block.size()) {
      const ssize_t n = send(call.get(), block.data() + sent, block.size() - sent, MSG_NOSIGNAL);
      if (n > 0) sent += static_cast<std::size_t>(n);
      turn(2);
    }
  }
  call.reset();
  turn(1'000);
  pass(limits_.write_timeout);
  EXPECT_EQ(front_->connections(), 0U);
  EXPECT_EQ(refused("write_timeout"), 1U);
}

TEST_F(FrontTest, ClientThatLeavesInAMidRequestCostsNothing) {
  start();
  {
    const UniqueFd c = client();
    send_text(c, get_.substr(0, 10));
  }
  turn();
  EXPECT_EQ(front_->connections(), 0U);
}

}  // namespace
}  // namespace sidestep::front
