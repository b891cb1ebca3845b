#include "sidecar/launch/processes.h"

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>

#include <gtest/gtest.h>

namespace sidestep::launch {
namespace {

// A child with a child of its own; both end when this object does.
class TwoBelow {
 public:
  TwoBelow() {
    int told[2];
    EXPECT_EQ(pipe(ended_), 0);
    EXPECT_EQ(pipe(told), 0);
    child_ = fork();
    if (child_ == 0) {
      close(ended_[1]);
      const pid_t below = fork();
      if (below > 0 && write(told[1], &below, sizeof below) != sizeof below) _exit(1);
      char end = 0;
      (void)!read(ended_[0], &end, 1);
      if (below > 0) waitpid(below, nullptr, 0);
      _exit(0);
    }
    EXPECT_EQ(read(told[0], &below_, sizeof below_), static_cast<ssize_t>(sizeof below_));
    close(told[0]);
    close(told[1]);
    close(ended_[0]);
  }
  TwoBelow(const TwoBelow&) = delete;
  TwoBelow& operator=(const TwoBelow&) = delete;
  ~TwoBelow() {
    close(ended_[1]);
    waitpid(child_, nullptr, 0);
  }

  pid_t child() const { return child_; }
  std::vector<pid_t> both() const { return in_order({child_, below_}); }
  static std::vector<pid_t> in_order(std::vector<pid_t> pids) {
    std::sort(pids.begin(), pids.end());
    return pids;
  }

 private:
  int ended_[2] = {};
  pid_t child_ = 0;
  pid_t below_ = 0;
};

TEST(Processes, DescendantsAreFoundBothWays) {
  const TwoBelow two;
  EXPECT_EQ(TwoBelow::in_order(descendants_of(getpid())), two.both());
  EXPECT_EQ(TwoBelow::in_order(most_descendants_of(getpid())), two.both());
  EXPECT_EQ(children_of(getpid()), std::vector<pid_t>{two.child()});
}

TEST(Processes, OneThatHasEndedHasNone) {
  const pid_t child = fork();
  if (child == 0) _exit(0);
  waitpid(child, nullptr, 0);
  EXPECT_TRUE(descendants_of(child).empty());
  EXPECT_TRUE(most_descendants_of(child).empty());
}

}  // namespace
}  // namespace sidestep::launch
