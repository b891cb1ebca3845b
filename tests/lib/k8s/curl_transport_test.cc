// The transport against a server on loopback that says exactly what a test wants, and breaks off where it
// wants.
#include "lib/k8s/curl_transport.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <linux/filter.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <charconv>
#include <fstream>
#include <functional>
#include <future>
#include <mutex>
#include <thread>

#include "tests/support/fake_clock.h"

namespace sidestep::k8s {
namespace {
using namespace std::chrono_literals;

// Accepts connections one after the other, reads a head, and lets the test's function answer.
class RawServer {
 public:
  using Answer = std::function<void(int connection, const std::string& head)>;
  explicit RawServer(Answer answer) : answer_(std::move(answer)) {
    listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    EXPECT_EQ(bind(listener_, reinterpret_cast<sockaddr*>(&address), size), 0);
    EXPECT_EQ(listen(listener_, 8), 0);
    EXPECT_EQ(getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size), 0);
    origin_ = "http://127.0.0.1:" + std::to_string(ntohs(address.sin_port));
    thread_ = std::thread([this] { serve(); });
  }
  ~RawServer() {
    shutdown(listener_, SHUT_RDWR);
    thread_.join();
    close(listener_);
  }
  const std::string& origin() const { return origin_; }
  std::vector<std::string> heads() {
    const std::lock_guard lock(mutex_);
    return heads_;
  }
  static void say(int connection, std::string_view text) {
    EXPECT_EQ(send(connection, text.data(), text.size(), MSG_NOSIGNAL), static_cast<ssize_t>(text.size()));
  }

 private:
  void serve() {
    for (int connection = accept(listener_, nullptr, nullptr); connection >= 0;
         connection = accept(listener_, nullptr, nullptr)) {
      for (std::string head = read_head(connection); !head.empty(); head = read_head(connection)) {
        {
          const std::lock_guard lock(mutex_);
          heads_.push_back(head);
        }
        answer_(connection, head);
      }
      close(connection);
    }
  }
  static std::string read_head(int connection) {
    std::string head;
    for (char c = 0; head.find("\r\n\r\n") == head.npos && recv(connection, &c, 1, 0) == 1;) head += c;
    return head.ends_with("\r\n\r\n") ? head : "";
  }

  const Answer answer_;
  int listener_ = -1;
  std::string origin_;
  std::thread thread_;
  std::mutex mutex_;
  std::vector<std::string> heads_;
};

constexpr const char* kOk = "HTTP/1.1 200 OK\r\nX-Name: value \r\nContent-Length: 2\r\n\r\nok";
constexpr const char* kStream = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";

TEST(CurlTransport, AnswerHasStatusLowerCaseHeadersAndBodyAndTheConnectionIsKept) {
  std::atomic<int> connections{0};
  RawServer server([&, last = -1](int connection, const std::string&) mutable {
    if (connection != last) ++connections;
    last = connection;
    RawServer::say(connection, kOk);
  });
  const auto transport = make_curl_transport({.server = server.origin()}, system_clock());
  for (int i = 0; i < 3; ++i) {
    const auto response = transport->send({.target = "/x?y=z"});
    ASSERT_TRUE(response) << response.error().detail;
    EXPECT_EQ(response->status, 200);
    EXPECT_EQ(header(*response, "x-name"), "value");
    EXPECT_EQ(response->body, "ok");
  }
  EXPECT_EQ(connections, 1);
  EXPECT_TRUE(server.heads()[0].starts_with("GET /x?y=z HTTP/1.1\r\n"));
}

TEST(CurlTransport, TokenIsReadAgainFromItsFileAndNeverLeavesForAnotherOrigin) {
  RawServer server([](int connection, const std::string&) { RawServer::say(connection, kOk); });
  const std::string path = ::testing::TempDir() + "token" + std::to_string(getpid());
  std::ofstream(path) << "first\n";
  test::FakeClock clock;
  const auto transport = make_curl_transport({.server = server.origin(), .token_file = path}, clock);
  const auto bearer = [&] {
    const std::string head = server.heads().back();
    const auto at = head.find("Authorization: Bearer ");
    return at == head.npos ? "" : head.substr(at + 22, head.find('\r', at) - at - 22);
  };
  ASSERT_TRUE(transport->send({.target = "/"}));
  EXPECT_EQ(bearer(), "first");
  std::ofstream(path) << "second";
  clock.advance(59s);
  ASSERT_TRUE(transport->send({.target = "/"}));
  EXPECT_EQ(bearer(), "first");
  clock.advance(1s);
  ASSERT_TRUE(transport->send({.target = "/"}));
  EXPECT_EQ(bearer(), "second");
  ASSERT_TRUE(transport->send({.target = "/", .origin = server.origin()}));
  EXPECT_EQ(bearer(), "");
  std::ofstream(path) << "";  // caught in the middle of being rotated
  clock.advance(60s);
  ASSERT_TRUE(transport->send({.target = "/"}));
  EXPECT_EQ(bearer(), "second");
  unlink(path.c_str());
}

TEST(CurlTransport, BodyPastTheBoundIsAnError) {
  RawServer server([](int connection, const std::string&) {
    RawServer::say(connection, "HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n01234567890");
  });
  const auto transport = make_curl_transport({.server = server.origin()}, system_clock());
  Request request{.target = "/"};
  request.max_body = 11;
  EXPECT_TRUE(transport->send(request));
  request.max_body = 10;
  const auto response = transport->send(request);
  ASSERT_FALSE(response);
  EXPECT_EQ(response.error().kind, ErrorKind::kLimit);
}

TEST(CurlTransport, NobodyListeningIsSafeToRepeatAndASilentServerIsNot) {
  const auto transport = make_curl_transport({.server = "http://127.0.0.1:1"}, system_clock());
  const auto refused = transport->send({.target = "/"});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().retry, Retry::kSafe);
  RawServer server([](int, const std::string&) {});
  Request request{.target = "/", .origin = server.origin()};
  request.timeout = 100ms;
  const auto late = transport->send(request);
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().kind, ErrorKind::kUnavailable);
  EXPECT_EQ(late.error().retry, Retry::kLater);
}

TEST(CurlTransport, RedirectIsAnAnswerAndNotFollowed) {
  RawServer server([](int connection, const std::string&) {
    RawServer::say(connection,
                   "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n");
  });
  const auto transport = make_curl_transport({.server = server.origin()}, system_clock());
  EXPECT_EQ(transport->send({.target = "/"})->status, 302);
}

class WatchStreamTest : public ::testing::Test {
 protected:
  Result<Response> watch(const std::string& chunks, std::size_t max_line = 1000) {
    RawServer server([&](int connection, const std::string&) {
      RawServer::say(connection, chunks);
      shutdown(connection, SHUT_RDWR);
    });
    const auto transport = make_curl_transport({.server = server.origin()}, system_clock());
    Request request{.target = "/"};
    request.max_body = max_line;
    return transport->watch(request,
                            [this](std::string_view line) {
                              lines_.emplace_back(line);
                              return line != "stop";
                            },
                            {});
  }
  static std::string chunk(const std::string& text) {
    std::array<char, 16> size{};
    const auto end = std::to_chars(size.data(), size.data() + size.size(), text.size(), 16).ptr;
    return std::string(size.data(), end) + "\r\n" + text + "\r\n";
  }

  std::vector<std::string> lines_;
};

TEST_F(WatchStreamTest, LinesAreGivenWholeHoweverTheyAreCut) {
  EXPECT_TRUE(watch(kStream + chunk("on") + chunk("e\ntwo\nth") + chunk("ree\n") + chunk("")));
  EXPECT_EQ(lines_, (std::vector<std::string>{"one", "two", "three"}));
}

TEST_F(WatchStreamTest, LineThatIsCutOffByABrokenConnectionIsNotGiven) {
  EXPECT_FALSE(watch(kStream + chunk("one\ntw")));
  EXPECT_EQ(lines_, std::vector<std::string>{"one"});
}

TEST_F(WatchStreamTest, SinkEndsTheStreamWithoutAnError) {
  EXPECT_TRUE(watch(kStream + chunk("one\nstop\nthree\n")));
  EXPECT_EQ(lines_, (std::vector<std::string>{"one", "stop"}));
}

TEST_F(WatchStreamTest, LinePastTheBoundIsAnError) {
  const auto ended = watch(kStream + chunk(std::string(1001, 'x')));
  ASSERT_FALSE(ended);
  EXPECT_EQ(ended.error().kind, ErrorKind::kLimit);
}

TEST_F(WatchStreamTest, RefusalGivesNoLinesAndItsBody) {
  const auto ended = watch("HTTP/1.1 410 Gone\r\nContent-Length: 5\r\n\r\ngone\n");
  ASSERT_TRUE(ended);
  EXPECT_EQ(ended->status, 410);
  EXPECT_EQ(ended->body, "gone\n");
  EXPECT_TRUE(lines_.empty());
}

TEST(CurlTransport, StopEndsASilentWatchWithinMoments) {
  RawServer server([](int connection, const std::string&) { RawServer::say(connection, kStream); });
  const auto transport = make_curl_transport({.server = server.origin()}, system_clock());
  std::stop_source stop;
  const TimePoint began = system_clock().steady();
  std::thread stopper([&stop] { stop.request_stop(); });
  const auto ended = transport->watch(
      {.target = "/"}, [](std::string_view) { return true; }, stop.get_token());
  stopper.join();
  EXPECT_TRUE(ended) << ended.error().detail;
  EXPECT_LT(system_clock().steady() - began, 15s);
}

// From now on the kernel drops what comes for this connection and acknowledges none of it, as if the machine
// behind it had lost its power.
void fall_silent(int connection) {
  sock_filter drop{BPF_RET | BPF_K, 0, 0, 0};
  const sock_fprog program{1, &drop};
  ASSERT_EQ(setsockopt(connection, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)), 0);
}

TEST(CurlTransport, HalfOpenConnectionEndsAWatchWithinItsBound) {
  std::promise<void> over;
  const auto is_over = over.get_future().share();
  RawServer server([&](int connection, const std::string& head) {
    RawServer::say(connection, head.starts_with("GET /watch") ? kStream : kOk);
    fall_silent(connection);
    is_over.wait();
    shutdown(connection, SHUT_RDWR);  // it will not hear of the client's end
  });
  const auto transport =
      make_curl_transport({.server = server.origin(), .dead_after = Seconds(2)}, system_clock());
  const TimePoint began = system_clock().steady();
  const auto ended = transport->watch({.target = "/watch"}, [](std::string_view) { return true; }, {});
  const auto took = system_clock().steady() - began;
  over.set_value();
  ASSERT_FALSE(ended);
  EXPECT_EQ(ended.error().kind, ErrorKind::kUnavailable);
  EXPECT_GE(took, 1s);
  EXPECT_LT(took, 15s);
}

}  // namespace
}  // namespace sidestep::k8s
