// The parent with real processes: workers and launchers are this test program again, in the role that ROLE
// names.
#include "sidecar/local/parent.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>

namespace sidestep::sidecar {
namespace {

using namespace std::chrono_literals;

struct Told {
  std::map<std::string, UniqueFd> fds;
  std::string start;
};

Told listen_to_parent() {
  Told told;
  while (told.start.empty()) {
    pollfd ready{WorkerProcess::kChannel, POLLIN, 0};
    if (poll(&ready, 1, 5000) != 1) _exit(99);
    FdMessage message;
    if (receive_fd_message(WorkerProcess::kChannel, message) != Receive::kMessage) _exit(98);
    if (message.text.starts_with("fd ")) told.fds[message.text.substr(3)] = std::move(message.fd);
    if (message.text.starts_with("start")) told.start = message.text;
  }
  return told;
}

void keep_and_crash() {
  const Told told = listen_to_parent();
  if (told.start == "start restarts=0 launcher=old worker=1") {
    const auto listener = listen_tcp("127.0.0.1", 0);
    send_fd_message(WorkerProcess::kChannel, "keep x", listener->get());
    const auto other = listen_tcp("127.0.0.1", 0);
    send_fd_message(WorkerProcess::kChannel, "keep y", other->get());
    send_fd_message(WorkerProcess::kChannel, "drop y");
    kill(getpid(), SIGKILL);
  }
  const bool is_right = told.fds.size() == 1 && told.fds.contains("x") &&
                        local_port(told.fds.at("x").get()) != 0 &&
                        told.start == "start restarts=1 launcher=old worker=2";
  _exit(is_right ? 5 : 1);
}

void pass_the_signal() {
  listen_to_parent();
  kill(getppid(), SIGTERM);
  poll(nullptr, 0, 5000);
  _exit(1);
}

void tell_about_launcher() {
  const Told told = listen_to_parent();
  _exit(told.start.find(" launcher=new ") != std::string::npos ? 11 : 12);
}

// The text of the next message of the parent; the end when it is gone.
std::string next_message() {
  pollfd ready{WorkerProcess::kChannel, POLLIN, 0};
  if (poll(&ready, 1, 20'000) != 1) _exit(97);
  FdMessage message;
  if (receive_fd_message(WorkerProcess::kChannel, message) != Receive::kMessage) _exit(0);
  return message.text;
}

void wait_for(const std::string& text) {
  while (next_message() != text) {
  }
}

void prove(const Told& told) {
  const std::string nonce = told.start.substr(told.start.find("upgrade=") + 8);
  send_fd_message(WorkerProcess::kChannel, "proved " + nonce + " parent=0");
}

// The first asks for an upgrade, the second hangs as it takes over, the third is the one that must come.
void hang_when_taking_over() {
  const Told told = listen_to_parent();
  if (told.start.find("worker=3") != std::string::npos)
    _exit(told.start.find("upgrade=") == std::string::npos ? 5 : 6);
  if (told.start.find("upgrade=") != std::string::npos)
    prove(told);
  else
    send_fd_message(WorkerProcess::kChannel, "ready"), send_fd_message(WorkerProcess::kChannel, "upgrade ");
  wait_for("never");
}

const std::map<std::string, std::function<void()>> kRoles = {
    {"keep_and_crash", keep_and_crash},           {"exit_7", [] { _exit(7); }},
    {"crash", [] { kill(getpid(), SIGKILL); }},   {"pass_the_signal", pass_the_signal},
    {"tell_about_launcher", tell_about_launcher}, {"hang_when_taking_over", hang_when_taking_over},
};

TEST(ParentRole, DISABLED_Run) {
  const char* role = std::getenv("ROLE");
  ASSERT_NE(role, nullptr);
  const auto found = kRoles.find(role);
  ASSERT_NE(found, kRoles.end());
  found->second();
}

class ParentTest : public ::testing::Test {
 protected:
  ParentTest() {
    std::string name = (std::filesystem::temp_directory_path() / "sidestep-XXXXXX").string();
    dir_ = mkdtemp(name.data());
  }
  ~ParentTest() override {
    std::filesystem::remove_all(dir_);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, nullptr);
  }

  static std::vector<std::string> role_arguments() {
    return {"role", "--gtest_filter=ParentRole.DISABLED_Run", "--gtest_also_run_disabled_tests",
            "--gtest_brief=1"};
  }
  static ParentSettings worker(const std::string& role) {
    ParentSettings settings;
    settings.worker_arguments = role_arguments();
    settings.env = {"ROLE=" + role};
    settings.backoff = {1ms, 2ms, 2.0};
    return settings;
  }
  ParentSettings with_launcher(const std::string& role) const {
    ParentSettings settings = worker(role);
    const std::string program = dir_ + "/launcher";  // takes any argument, and waits to be ended
    std::ofstream(program) << "#!/bin/sh\nexec sleep 20\n";
    std::filesystem::permissions(program, std::filesystem::perms::owner_all);
    settings.launcher = LauncherStart{program, {"launcher"}, lock()};
    return settings;
  }
  std::string lock() const { return dir_ + "/launcher.lock"; }

  std::string dir_;
};

TEST_F(ParentTest, WhatACrashedWorkerKeptReachesTheNextOne) {
  EXPECT_EQ(Parent(worker("keep_and_crash")).run(), 5);
}

TEST_F(ParentTest, AWorkerThatEndsByItselfEndsTheParentWithItsStatus) {
  EXPECT_EQ(Parent(worker("exit_7")).run(), 7);
}

TEST_F(ParentTest, AWorkerThatOnlyCrashesIsGivenUp) {
  ParentSettings settings = worker("crash");
  settings.give_up_after = 3;
  EXPECT_EQ(Parent(std::move(settings)).run(), 70);
}

TEST_F(ParentTest, SigtermIsPassedOnAndNoOtherWorkerIsStarted) {
  EXPECT_EQ(Parent(worker("pass_the_signal")).run(), 128 + SIGTERM);
}

TEST_F(ParentTest, AProgramThatCannotBeStartedIsAnError) {
  ParentSettings settings = worker("exit_7");
  settings.program = "/no/such";
  EXPECT_EQ(Parent(std::move(settings)).run(), 1);
}

TEST_F(ParentTest, TheWorkerHearsThatTheLauncherIsNewAndItIsEndedWithUs) {
  EXPECT_EQ(Parent(with_launcher("tell_about_launcher")).run(), 11);
  const UniqueFd free(open(lock().c_str(), O_RDWR | O_CLOEXEC));
  EXPECT_EQ(flock(free.get(), LOCK_EX | LOCK_NB), 0);  // whoever inherited the lock is gone
}

TEST_F(ParentTest, ALauncherThatLivesIsKept) {
  const UniqueFd held(open(lock().c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  ASSERT_EQ(flock(held.get(), LOCK_EX | LOCK_NB), 0);
  EXPECT_EQ(Parent(with_launcher("tell_about_launcher")).run(), 12);
}

TEST_F(ParentTest, AWorkerThatHangsAsItTakesOverIsFollowedByAnother) {
  ParentSettings settings = worker("hang_when_taking_over");
  settings.upgrade_program = "/proc/self/exe";
  settings.upgrade_prove = 2s;  // to take over too: so short a time has no parts
  EXPECT_EQ(Parent(std::move(settings)).run(), 5);
}

}  // namespace
}  // namespace sidestep::sidecar
