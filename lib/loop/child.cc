#include "lib/loop/child.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace sidestep {

namespace {

constexpr Millis kPollPeriod{50};

std::vector<char*> pointers(const std::vector<std::string>& strings) {
  std::vector<char*> result;
  for (const std::string& text : strings) result.push_back(const_cast<char*>(text.c_str()));
  result.push_back(nullptr);
  return result;
}

void reset_signals() {
  for (int number = 1; number < NSIG; ++number) ::signal(number, SIG_DFL);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
}

// Moves each descriptor to its number in two passes, so that a source is never overwritten before it is used.
bool place_fds(std::vector<std::pair<int, int>>& fds, int& report) {
  int highest = 2;
  for (const auto& [from, to] : fds) highest = std::max(highest, to);
  for (auto& [from, to] : fds) {
    from = fcntl(from, F_DUPFD_CLOEXEC, highest + 1);
    if (from < 0) return false;
  }
  report = fcntl(report, F_DUPFD_CLOEXEC, highest + 1);
  for (const auto& [from, to] : fds) {
    if (dup2(from, to) < 0) return false;
  }
  return true;
}

// Between fork and exec; only system calls.
[[noreturn]] void become(const ChildSpec& spec, std::vector<std::pair<int, int>>& fds, char* const* argv,
                         char* const* env, int report, pid_t parent) {
  reset_signals();
  if (spec.new_session) setsid();
  // Also for descriptors that somebody opened without O_CLOEXEC; kernels before 5.11 do without.
  syscall(SYS_close_range, 3U, ~0U, 4U /* CLOSE_RANGE_CLOEXEC */);
  if (place_fds(fds, report)) {
    if (spec.dies_with_us) {
      prctl(PR_SET_PDEATHSIG, SIGKILL);
      if (getppid() != parent) _exit(127);
    }
    execve(spec.path.c_str(), argv, env);
  }
  const int number = errno;
  [[maybe_unused]] const auto written = write(report, &number, sizeof number);
  _exit(127);
}

}  // namespace

Result<std::unique_ptr<Child>> Child::start(EventLoop& loop, const ChildSpec& spec, OnExit on_exit) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return system_error("start " + spec.path, errno);
  const UniqueFd reader(ends[0]);
  UniqueFd writer(ends[1]);
  const auto argv = pointers(spec.argv);
  const auto env = pointers(spec.env);
  auto fds = spec.fds;
  const pid_t parent = getpid();
  const pid_t pid = fork();
  if (pid < 0) return system_error("start " + spec.path, errno);
  if (pid == 0) become(spec, fds, argv.data(), env.data(), writer.get(), parent);
  writer.reset();
  int number = 0;
  ssize_t got = 0;
  do {
    got = read(reader.get(), &number, sizeof number);
  } while (got < 0 && errno == EINTR);
  if (got == static_cast<ssize_t>(sizeof number)) {
    waitpid(pid, nullptr, 0);
    return system_error("start " + spec.path, number);
  }
  return std::unique_ptr<Child>(new Child(loop, pid, std::move(on_exit)));
}

std::unique_ptr<Child> Child::adopt(EventLoop& loop, pid_t pid, OnExit on_exit) {
  return std::unique_ptr<Child>(new Child(loop, pid, std::move(on_exit)));
}

Child::Child(EventLoop& loop, pid_t pid, OnExit on_exit)
    : loop_(loop),
      pid_(pid),
      on_exit_(std::move(on_exit)),
      pidfd_(static_cast<int>(syscall(SYS_pidfd_open, pid, 0))),
      poll_([this] { look(); }) {
  if (pidfd_ && loop_.add(pidfd_.get(), EPOLLIN, this)) return;
  pidfd_.reset();
  loop_.arm(poll_, kPollPeriod);
}

Child::~Child() { loop_.remove(pidfd_.get()); }

void Child::send_signal(int number) {
  if (is_running_) kill(pid_, number);
}

void Child::on_io(std::uint32_t /*events*/) { look(); }

void Child::look() {
  int status = 0;
  const pid_t ended = waitpid(pid_, &status, WNOHANG);
  if (ended == 0) {
    if (!pidfd_) loop_.arm(poll_, kPollPeriod);
    return;
  }
  is_running_ = false;
  loop_.remove(pidfd_.get());
  pidfd_.reset();
  ExitStatus exit;
  if (ended == pid_ && WIFSIGNALED(status)) exit.signal = WTERMSIG(status);
  if (ended == pid_ && WIFEXITED(status)) exit.status = WEXITSTATUS(status);
  const OnExit on_exit = std::move(on_exit_);
  on_exit(exit);
}

}  // namespace sidestep
