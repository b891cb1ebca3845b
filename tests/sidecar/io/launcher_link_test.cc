// The proxy's end against a launcher made of bare frames: who is let in, and what becomes of reports and
// calls.
#include "sidecar/io/launcher_link.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>

#include "sidecar/launch/protocol.h"

namespace sidestep::sidecar {
namespace {

using namespace std::chrono_literals;

// Steps by hand; the loop looks at it once per turn.
class HandClock final : public Clock {
 public:
  TimePoint steady() const override { return now; }
  WallTime wall() const override { return {}; }
  TimePoint now{1h};
};

class FakeLauncher {
 public:
  explicit FakeLauncher(const std::string& path) : socket_(std::move(*connect_unix(path))) {}

  template <typename T>
  void send(const T& message, std::vector<int> passed = {}) {
    const std::string bytes = launch::encode(message);
    ASSERT_EQ(send_with_fds(socket_.get(), std::as_bytes(std::span(bytes)), passed),
              static_cast<ssize_t>(bytes.size()));
  }
  void send_raw(const std::string& bytes) {
    ASSERT_GT(::send(socket_.get(), bytes.data(), bytes.size(), 0), 0);
  }
  void greet(const std::string& token = {}) {
    launch::Hello hello;
    hello.token = token;
    hello.command = {"/bin/app"};
    send(hello);
  }
  // The next frame that has arrived, or nothing.
  std::optional<launch::Frame> next() {
    std::array<std::byte, 65'536> buffer;
    const ssize_t got = receive_with_fds(socket_.get(), buffer, fds);
    if (got > 0) reader_.push({reinterpret_cast<const char*>(buffer.data()), static_cast<std::size_t>(got)});
    is_closed = got == 0;
    launch::Frame frame{};
    if (reader_.next(frame) != launch::FrameReader::Next::kFrame) return std::nullopt;
    return frame;
  }

  std::vector<UniqueFd> fds;
  bool is_closed = false;

 private:
  UniqueFd socket_;
  launch::FrameReader reader_;
};

class LauncherLinkTest : public ::testing::Test {
 protected:
  LauncherLinkTest() {
    std::string name = (std::filesystem::temp_directory_path() / "sidestep-XXXXXX").string();
    dir_ = mkdtemp(name.data());
  }
  ~LauncherLinkTest() override { std::filesystem::remove_all(dir_); }

  void start(const std::string& token = {}) {
    link_ = make_launcher_link(loop_, {.run_dir = dir_, .token = token},
                               [this](LauncherEvent event) { events_.push_back(std::move(event)); });
    ASSERT_TRUE(link_->start({}));
  }
  FakeLauncher connect() { return FakeLauncher(dir_ + "/run/launch.sock"); }
  void turns() {
    for (int i = 0; i < 4; ++i) loop_.run_once(0ms);
  }
  void after(Millis delay) {
    clock_.now += delay;
    turns();
  }
  bool is_welcome(FakeLauncher& launcher) {
    turns();
    const auto frame = launcher.next();
    return frame && frame->type == launch::Type::kWelcome;
  }
  // Connects, is welcomed, sends its state.
  void bring_up(FakeLauncher& launcher, const launch::State& state = {}, const std::string& token = {}) {
    launcher.greet(token);
    ASSERT_TRUE(is_welcome(launcher));
    launcher.send(state);
    turns();
    ASSERT_TRUE(link_->is_up());
  }
  template <typename T>
  const T* last() const {
    return events_.empty() ? nullptr : std::get_if<T>(&events_.back());
  }

  std::string dir_;
  HandClock clock_;
  EventLoop loop_{clock_};
  std::unique_ptr<LauncherLink> link_;
  std::vector<LauncherEvent> events_;
};

TEST_F(LauncherLinkTest, TheFirstConnectionGetsTheToken) {
  start();
  FakeLauncher launcher = connect();
  launcher.greet();
  turns();
  const auto frame = launcher.next();
  ASSERT_TRUE(frame);
  const auto welcome = launch::decode<launch::Welcome>(*frame);
  EXPECT_EQ(welcome->token, link_->token());
  EXPECT_EQ(welcome->token.size(), 32U);
  EXPECT_EQ(welcome->grace_ms, 30'000U);
}

TEST_F(LauncherLinkTest, ItIsUpOnceItsStateHasCome) {
  start();
  FakeLauncher launcher = connect();
  launch::State state;
  state.running.resize(1);
  state.running[0].generation = 3;
  state.running[0].pid = 41;
  state.record = "r";
  bring_up(launcher, state);
  const auto* up = last<LauncherUp>();
  ASSERT_NE(up, nullptr);
  EXPECT_TRUE(up->is_first);
  EXPECT_EQ(up->command, (std::vector<std::string>{"/bin/app"}));
  EXPECT_EQ(up->running[0].generation, Generation{3});
  EXPECT_EQ(up->record, "r");
}

TEST_F(LauncherLinkTest, AnotherConnectionWithoutTheTokenIsRefusedAndCounted) {
  start();
  FakeLauncher launcher = connect();
  bring_up(launcher);
  FakeLauncher impostor = connect();
  impostor.greet();
  EXPECT_FALSE(is_welcome(impostor));
  EXPECT_EQ(link_->refused(), 1U);
  EXPECT_TRUE(link_->is_up());
}

TEST_F(LauncherLinkTest, OnlyALauncherThatCanSayIsAskedForMemory) {
  start();
  FakeLauncher launcher = connect();
  bring_up(launcher);
  EXPECT_FALSE(link_->ask_memory(Generation{1}));  // of the first release: would refuse the command
  FakeLauncher newer = connect();
  launch::Hello hello;
  hello.token = link_->token();
  hello.features = {"memory"};
  newer.send(hello);
  ASSERT_TRUE(is_welcome(newer));
  newer.send(launch::State{});
  turns();
  ASSERT_TRUE(link_->ask_memory(Generation{1}));
  const auto question = newer.next();
  ASSERT_TRUE(question);
  EXPECT_EQ(question->type, launch::Type::kAskMemory);
  newer.send(launch::MemoryReport{1, true, 1000, 400, 250});
  turns();
  const auto* told = last<MemoryTold>();
  ASSERT_NE(told, nullptr);
  EXPECT_EQ(told->room.limit, 1000U);
  EXPECT_EQ(told->room.used, 400U);
  EXPECT_EQ(told->room.active_resident, 250U);
}

TEST_F(LauncherLinkTest, AWrongTokenIsRefused) {
  start("0123456789abcdef0123456789abcdef");
  FakeLauncher impostor = connect();
  impostor.greet("0123456789abcdef0123456789abcdee");
  EXPECT_FALSE(is_welcome(impostor));
  EXPECT_EQ(link_->refused(), 1U);
}

TEST_F(LauncherLinkTest, AfterARestartOfTheProxyTheTokenIsLetInAtOnce) {
  start("secret");
  FakeLauncher launcher = connect();
  bring_up(launcher, {}, "secret");
  EXPECT_FALSE(last<LauncherUp>()->is_first);
}

TEST_F(LauncherLinkTest, WhoHasNoTokenWaitsUntilTheRealLauncherWouldHaveComeBack) {
  start("secret");
  FakeLauncher fresh = connect();
  fresh.greet();
  after(990ms);
  EXPECT_FALSE(fresh.next());
  after(20ms);
  EXPECT_TRUE(is_welcome(fresh));
  EXPECT_EQ(link_->refused(), 0U);
  fresh.send(launch::State{});
  turns();
  EXPECT_EQ(last<LauncherUp>()->command, (std::vector<std::string>{"/bin/app"}));
}

TEST_F(LauncherLinkTest, WhoWaitedIsRefusedWhenTheRealLauncherComesBack) {
  start("secret");
  FakeLauncher impostor = connect();
  impostor.greet();
  after(500ms);
  FakeLauncher launcher = connect();
  bring_up(launcher, {}, "secret");
  after(600ms);
  const auto frame = impostor.next();
  ASSERT_TRUE(frame);
  EXPECT_EQ(frame->type, launch::Type::kRefusal);
  EXPECT_TRUE(link_->is_up());
}

TEST_F(LauncherLinkTest, AConnectionThatSaysNothingIsEnded) {
  start();
  FakeLauncher silent = connect();
  turns();
  after(2'010ms);
  silent.next();
  EXPECT_EQ(link_->refused(), 1U);
}

TEST_F(LauncherLinkTest, AnotherMajorVersionIsRefusedByName) {
  start();
  FakeLauncher launcher = connect();
  launch::Hello hello;
  hello.major = 2;
  hello.program_version = "9.9";
  launcher.send(hello);
  turns();
  const auto refusal = launch::decode<launch::Refusal>(*launcher.next());
  EXPECT_THAT(refusal->reason, testing::HasSubstr("launcher 9.9 speaks protocol 2"));
}

TEST_F(LauncherLinkTest, GarbageEndsTheConnectionAndNothingElse) {
  start();
  FakeLauncher garbage = connect();
  garbage.send_raw("GET / HTTP/1.1\r\n\r\n");
  turns();
  FakeLauncher launcher = connect();
  bring_up(launcher);
}

TEST_F(LauncherLinkTest, ALostLauncherIsReportedOnceAndCallsAreDropped) {
  start();
  {
    FakeLauncher launcher = connect();
    bring_up(launcher);
  }
  turns();
  EXPECT_NE(last<LauncherLost>(), nullptr);
  EXPECT_FALSE(link_->is_up());
  const auto count = events_.size();
  link_->stop(Generation{1}, 1s);
  turns();
  EXPECT_EQ(events_.size(), count);
}

TEST_F(LauncherLinkTest, AnOrderReachesTheLauncherWhole) {
  start();
  FakeLauncher launcher = connect();
  bring_up(launcher);
  link_->spawn({.generation = Generation{7},
                .command = {"a", "b"},
                .env = {"X=1"},
                .wants_socket = true,
                .config_of = Generation{6}});
  const auto spawn = launch::decode<launch::Spawn>(*launcher.next());
  EXPECT_EQ(spawn->generation, 7U);
  EXPECT_EQ(spawn->argv, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(spawn->config_generation, 6U);
  EXPECT_TRUE(spawn->wants_socket);
}

TEST_F(LauncherLinkTest, ListenersGoThereAndComeBack) {
  start();
  const auto listener = listen_tcp("127.0.0.1", 0);
  FakeLauncher launcher = connect();
  bring_up(launcher);
  link_->keep_listeners({{"listen a", listener->get()}});
  ASSERT_TRUE(launcher.next());
  ASSERT_EQ(launcher.fds.size(), 1U);

  FakeLauncher again = connect();
  again.greet(link_->token());
  ASSERT_TRUE(is_welcome(again));
  launch::State state;
  state.names = {"listen a"};
  again.send(state, {launcher.fds[0].get()});
  turns();
  const auto* up = last<LauncherUp>();
  ASSERT_NE(up, nullptr);
  ASSERT_EQ(up->listeners.size(), 1U);
  EXPECT_EQ(up->listeners[0].name, "listen a");
  EXPECT_EQ(local_port(up->listeners[0].fd.get()), local_port(listener->get()));
}

TEST_F(LauncherLinkTest, AReportBecomesAnEvent) {
  start();
  FakeLauncher launcher = connect();
  bring_up(launcher);
  launch::Exited exited;
  exited.generation = 4;
  exited.signal = 9;
  exited.output = {"last words"};
  launcher.send(exited);
  turns();
  ASSERT_NE(last<Exited>(), nullptr);
  EXPECT_EQ(last<Exited>()->signal, 9);
  EXPECT_EQ(last<Exited>()->output, (std::vector<std::string>{"last words"}));
}

TEST_F(LauncherLinkTest, ASocketSomewhereElseIsNotBelieved) {
  start();
  FakeLauncher launcher = connect();
  bring_up(launcher);
  launcher.send(launch::Spawned{4, 41, "../var/lib/sidestep/control.sock"});
  turns();
  EXPECT_EQ(last<Spawned>()->socket_path, "");
}

TEST_F(LauncherLinkTest, AReadySocketIsPinnedSoThatALinkPutInItsPlaceLeadsNowhere) {
  start();
  FakeLauncher launcher = connect();
  bring_up(launcher);
  const std::string path = dir_ + "/run/app/g4.sock";
  const auto app = listen_unix(path, 0666);
  launcher.send(launch::Spawned{4, 41, "run/app/g4.sock"});
  turns();
  const std::string connect_path = last<Spawned>()->socket_path;
  EXPECT_FALSE(connect_unix(connect_path));  // not yet
  launcher.send(launch::SocketReady{4});
  turns();
  ASSERT_NE(last<SocketReady>(), nullptr);
  const auto other = listen_unix(dir_ + "/control.sock", 0600);
  std::filesystem::remove(path);
  std::filesystem::create_symlink(dir_ + "/control.sock", path);
  ASSERT_TRUE(connect_unix(connect_path));
  EXPECT_TRUE(accept_connection(app->get()));
  EXPECT_FALSE(accept_connection(other->get()));
}

TEST_F(LauncherLinkTest, ALinkInTheSocketsPlaceIsNotReady) {
  start();
  FakeLauncher launcher = connect();
  bring_up(launcher);
  const auto other = listen_unix(dir_ + "/control.sock", 0600);
  std::filesystem::create_symlink(dir_ + "/control.sock", dir_ + "/run/app/g4.sock");
  launcher.send(launch::SocketReady{4});
  turns();
  EXPECT_EQ(last<SocketReady>(), nullptr);
}

TEST_F(LauncherLinkTest, TheWayToASocketEndsWithItsGenerationAndWithTheProcess) {
  start();
  FakeLauncher launcher = connect();
  bring_up(launcher);
  const auto app = listen_unix(dir_ + "/run/app/g4.sock", 0666);
  std::filesystem::create_symlink("/proc/self/fd/0",
                                  dir_ + "/run/sockets/g3.sock");  // of a process that crashed
  launcher.send(launch::SocketReady{4});
  launcher.send(launch::Gone{4});
  turns();
  EXPECT_FALSE(std::filesystem::exists(std::filesystem::symlink_status(dir_ + "/run/sockets/g4.sock")));
  link_.reset();
  start();
  EXPECT_TRUE(std::filesystem::is_empty(dir_ + "/run/sockets"));
}

TEST_F(LauncherLinkTest, TheFoldersHaveTheModesThatOtherUsersNeed) {
  start();
  const auto mode = [&](const std::string& name) {
    struct stat info {};
    stat((dir_ + "/run" + name).c_str(), &info);
    return info.st_mode & 07777U;
  };
  EXPECT_EQ(mode(""), 0711U);
  EXPECT_EQ(mode("/app"), 01777U);
  EXPECT_EQ(mode("/config"), 01777U);
  EXPECT_EQ(mode("/sockets"), 0700U);
  EXPECT_EQ(mode("/launch.sock"), 0666U);
}

}  // namespace
}  // namespace sidestep::sidecar
