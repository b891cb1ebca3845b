#include "lib/loop/child.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include "lib/loop/signals.h"

namespace sidestep {
namespace {

using namespace std::chrono_literals;

class ChildTest : public ::testing::Test {
 protected:
  Result<std::unique_ptr<Child>> shell(const std::string& script, std::vector<std::pair<int, int>> fds = {}) {
    return Child::start(loop_,
                        {.path = "/bin/sh", .argv = {"sh", "-c", script}, .env = {}, .fds = std::move(fds)},
                        [this](ExitStatus exit) {
                          exit_ = exit;
                          loop_.stop();
                        });
  }

  EventLoop loop_;
  ExitStatus exit_;
};

TEST_F(ChildTest, ReportsTheExitStatus) {
  const auto child = shell("exit 7");
  ASSERT_TRUE(child);
  loop_.run();
  EXPECT_EQ(exit_.status, 7);
  EXPECT_EQ(exit_.signal, 0);
  EXPECT_FALSE((*child)->is_running());
}

TEST_F(ChildTest, ReportsTheSignalThatEndedIt) {
  const auto child = shell("kill -TERM $$; sleep 5");
  loop_.run();
  EXPECT_EQ(exit_.signal, SIGTERM);
}

TEST_F(ChildTest, AProgramThatDoesNotExistIsNamed) {
  const auto child =
      Child::start(loop_, {.path = "/no/such", .argv = {"x"}, .env = {}, .fds = {}}, [](ExitStatus) {});
  ASSERT_FALSE(child);
  EXPECT_THAT(child.error().detail, testing::HasSubstr("/no/such"));
}

TEST_F(ChildTest, DescriptorsArriveUnderTheirNumbersAndOthersDoNot) {
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);  // inheritable on purpose
  const UniqueFd reader(ends[0]);
  const UniqueFd writer(ends[1]);
  const auto child =
      shell("printf hello >&9; test ! -e /proc/self/fd/" + std::to_string(ends[0]), {{writer.get(), 9}});
  loop_.run();
  char text[8] = {};
  EXPECT_EQ(read(reader.get(), text, sizeof text), 5);
  EXPECT_STREQ(text, "hello");
  EXPECT_EQ(exit_.status, 0);
}

TEST_F(ChildTest, SignalsOfThisProcessArriveAsEvents) {
  int seen = 0;
  SignalSource source(loop_, {SIGUSR1}, [&](int number) {
    seen = number;
    loop_.stop();
  });
  kill(getpid(), SIGUSR1);
  loop_.run();
  EXPECT_EQ(seen, SIGUSR1);
}

TEST_F(ChildTest, BlockedSignalsAreNotBlockedInTheChild) {
  SignalSource source(loop_, {SIGUSR1}, [](int) {});
  const auto child = shell("kill -USR1 $$; sleep 5");
  loop_.run();
  EXPECT_EQ(exit_.signal, SIGUSR1);
}

}  // namespace
}  // namespace sidestep
