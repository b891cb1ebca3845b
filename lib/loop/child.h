// Starts one process and reports its end as an event of the loop (pidfd; on kernels without it, looked at
// every 50 ms).
//
// Does not decide when to stop or restart it. The child gets default signal handling, an empty mask, and no
// descriptor but the ones named. Threads: the loop's.
#pragma once

#include <sys/types.h>

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "lib/loop/event_loop.h"

namespace sidestep {

struct ChildSpec {
  std::string path;               // executed as it is; no search
  std::vector<std::string> argv;  // argv[0] included
  std::vector<std::string> env;   // "NAME=value", the whole environment
  // Descriptor here → number in the child; 0 to 2 are inherited unless named.
  std::vector<std::pair<int, int>> fds;
  bool new_session = false;   // setsid(): survives our terminal, and is a group of its own
  bool dies_with_us = false;  // SIGKILL when the thread that started it ends (PR_SET_PDEATHSIG)
};

struct ExitStatus {
  int status = 0;  // exit code when signal is 0
  int signal = 0;
};

class Child final : public IoHandler {
 public:
  using OnExit = std::function<void(ExitStatus)>;  // called once; may destroy the Child

  // The error names the path when the program cannot be executed.
  static Result<std::unique_ptr<Child>> start(EventLoop& loop, const ChildSpec& spec, OnExit on_exit);
  // A child of this process that an earlier program of it started (execve(2) keeps them). One that has ended
  // already is reported in the loop's next turns.
  static std::unique_ptr<Child> adopt(EventLoop& loop, pid_t pid, OnExit on_exit);
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child();  // does not stop the process; its end is then reaped by nobody

  pid_t pid() const { return pid_; }
  bool is_running() const { return is_running_; }
  void send_signal(int number);  // nothing once it has ended, so that a reused pid is never hit

  void on_io(std::uint32_t events) override;

 private:
  Child(EventLoop& loop, pid_t pid, OnExit on_exit);
  void look();

  EventLoop& loop_;
  pid_t pid_;
  OnExit on_exit_;
  UniqueFd pidfd_;
  FunctionTimer poll_;
  bool is_running_ = true;
};

}  // namespace sidestep
