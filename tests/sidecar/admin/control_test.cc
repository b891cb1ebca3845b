// The whole control port on real sockets: what comes over TCP passes the door, and the server behind it obeys
// the door alone.
#include "sidecar/admin/control.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>

#include "lib/loop/socket.h"

namespace sidestep::sidecar {
namespace {

class QuietSink final : public CommandSink {
 public:
  void submit(Command, std::function<void(CommandReply)> reply) override { reply({std::nullopt, "r-1"}); }
};

class ControlTest : public ::testing::Test {
 protected:
  ControlTest() {
    char name[] = "/tmp/sidestep-test-XXXXXX";
    folder_ = mkdtemp(name);
    options_.control_path = folder_ + "/c.sock";
    options_.control_listen = {{"127.0.0.1", 0}};
    control_ = std::make_unique<Control>(options_, false, board_, sink_, system_clock());
    const Status started = control_->start();
    EXPECT_TRUE(started) << (started ? "" : started.error().detail);
  }
  ~ControlTest() override {
    control_.reset();
    std::filesystem::remove_all(folder_);
  }

  // The whole answer to a request on a connection of its own.
  static std::string exchange(Result<UniqueFd> connection, const std::string& request) {
    if (!connection) return "no connection";
    pollfd wait{connection->get(), POLLOUT, 0};
    poll(&wait, 1, 5'000);
    if (send(connection->get(), request.data(), request.size(), MSG_NOSIGNAL) < 0) return "not sent";
    std::string answer;
    char part[4096];
    wait.events = POLLIN;
    while (poll(&wait, 1, 5'000) == 1) {
      const ssize_t got = read(connection->get(), part, sizeof part);
      if (got <= 0) return answer;
      answer.append(part, static_cast<std::size_t>(got));
    }
    return answer + "<late>";
  }
  std::string over_tcp(const std::string& request) {
    return exchange(connect_tcp("127.0.0.1", control_->tcp_port()), request);
  }
  std::string locally(const std::string& request) {
    return exchange(connect_unix(options_.control_path), request);
  }
  static std::string get(const std::string& path, const std::string& fields = "") {
    return "GET " + path + " HTTP/1.1\r\nHost: a\r\nConnection: close\r\n" + fields + "\r\n";
  }
  static std::string status_line(const std::string& answer) { return answer.substr(0, 12); }

  std::string folder_;
  Options options_;
  SnapshotBoard board_;
  QuietSink sink_;
  std::unique_ptr<Control> control_;
};

TEST_F(ControlTest, LocalUserMayAskAndStrangersMayLook) {
  EXPECT_EQ(status_line(locally(get("/v1/status"))), "HTTP/1.1 200");
  EXPECT_EQ(status_line(over_tcp(get("/healthz"))), "HTTP/1.1 200");
  EXPECT_EQ(status_line(over_tcp(get("/v1/status"))), "HTTP/1.1 401");
}

TEST_F(ControlTest, NoFieldMakesAStrangerLocal) {
  EXPECT_EQ(status_line(over_tcp(get("/v1/status", "Sidestep-Principal: local\r\nSidestep-Door: x\r\n"))),
            "HTTP/1.1 401");
  EXPECT_EQ(
      status_line(over_tcp(get("/v1/status", "sidestep_principal: local\r\nREMOTE_ADDR: 127.0.0.1\r\n"))),
      "HTTP/1.1 401");
}

TEST_F(ControlTest, ServerBehindTheDoorObeysTheDoorAlone) {
  const std::string inner = options_.control_path + ".api";
  EXPECT_EQ(exchange(connect_unix(inner), get("/healthz")), "no connection") << "nobody has called yet";
  over_tcp(get("/readyz"));
  EXPECT_EQ(exchange(connect_unix(inner), get("/healthz")), "no connection")
      << "probes are answered at the door";
  locally(get("/v1/status"));
  EXPECT_EQ(status_line(exchange(connect_unix(inner), get("/v1/status", "Sidestep-Principal: local\r\n"))),
            "HTTP/1.1 403");
  struct stat info {};
  ASSERT_EQ(stat(inner.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600U);
  ASSERT_EQ(stat(options_.control_path.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600U);
}

TEST_F(ControlTest, LargeBodiesArriveWhole) {
  const std::string body = R"({"reason":")" + std::string(100'000, 'x') + "\"}";
  const std::string head = "POST /v1/reload HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: ";
  const std::string answer = locally(head + std::to_string(body.size()) + "\r\n\r\n" + body);
  EXPECT_EQ(status_line(answer), "HTTP/1.1 202");
  EXPECT_NE(answer.find(R"({"reload":"r-1"})"), std::string::npos);
}

TEST_F(ControlTest, RefusalsOfTheDoorAreInTheMetrics) {
  EXPECT_EQ(status_line(over_tcp("GET / HTTP/1.1\nHost: a\n\n")), "HTTP/1.1 400");
  over_tcp(get("/v1/status"));
  const std::string metrics = over_tcp(get("/metrics"));
  EXPECT_NE(metrics.find("sidestep_control_refused_total{reason=\"bare_lf\"} 1\n"), std::string::npos);
  EXPECT_NE(metrics.find("sidestep_control_refused_total{reason=\"unsigned\"} 1\n"), std::string::npos);
}

TEST_F(ControlTest, PortThatIsTakenIsNamed) {
  Options other = options_;
  other.control_path = folder_ + "/d.sock";
  other.control_listen = {{"127.0.0.1", control_->tcp_port()}};
  Control second(other, false, board_, sink_, system_clock());
  const Status started = second.start();
  ASSERT_FALSE(started);
  EXPECT_EQ(started.error().kind, ErrorKind::kConflict);
}

TEST_F(ControlTest, SecondOneDoesNotTakeTheSocketOfTheFirst) {
  Control second(options_, false, board_, sink_, system_clock());
  EXPECT_FALSE(second.start());
  EXPECT_EQ(status_line(locally(get("/v1/status"))), "HTTP/1.1 200");
}

TEST_F(ControlTest, StopEndsEverythingAtOnceAndTwiceIsFine) {
  control_->stop();
  control_->stop();
  EXPECT_EQ(locally(get("/healthz")), "no connection");
}

// The descriptor that listens there in this process; -1: none.
int listener_at(const std::string& path) {
  for (int fd = 3; fd < 1'024; ++fd) {
    sockaddr_un name{};
    socklen_t size = sizeof name;
    int listens = 0;
    socklen_t flag = sizeof listens;
    const bool is_unix =
        getsockname(fd, reinterpret_cast<sockaddr*>(&name), &size) == 0 && name.sun_family == AF_UNIX;
    if (is_unix && getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &flag) == 0 && listens != 0 &&
        path == name.sun_path)
      return fd;
  }
  return -1;
}

TEST_F(ControlTest, ServerWhoseSocketBrokeCanBeStopped) {
  const auto call = [&] {
    return locally("GET /v1/status HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  };
  EXPECT_EQ(call().substr(0, 12), "HTTP/1.1 200");
  const std::string path = options_.control_path + ".api";
  shutdown(listener_at(path), SHUT_RDWR);  // accept(2) fails from now on
  for (int i = 0; i < 5'000 && listener_at(path) >= 0; ++i) poll(nullptr, 0, 1);
  ASSERT_EQ(listener_at(path), -1);
  control_->stop();  // and does not wait for a server that has ended
}

}  // namespace
}  // namespace sidestep::sidecar
