#include "sidecar/launch/shim.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <optional>

#include "sidecar/launch/exec.h"
#include "sidecar/launch/processes.h"

namespace sidestep::launch {

namespace {

constexpr Millis kLeftoverGrace{500};  // for what a program leaves behind that ended by itself
constexpr Millis kKillPeriod{20};      // between rounds of SIGKILL, for those who fork meanwhile

class ShimProcess {
 public:
  ShimProcess(UniqueFd control, UniqueFd children)
      : control_(std::move(control)), children_(std::move(children)) {}

  bool start(const Program& program, int out, int err);
  void run();

 private:
  void turn();
  void obey();
  void reap();
  void main_ended(int status);
  void end_all(Millis grace);
  void kill_when_due();
  void report(ShimReport report) { send(control_.get(), &report, sizeof report, MSG_NOSIGNAL); }
  void signal_group(int number) const;
  Millis wait_time() const;

  UniqueFd control_;
  UniqueFd children_;
  pid_t main_ = -1;
  bool main_runs_ = false;
  bool was_asked_ = false;
  bool is_over_ = false;
  std::optional<TimePoint> kill_at_;
};

bool ShimProcess::start(const Program& program, int out, int err) {
  int error_number = 0;
  main_ = start_program(program, out, err, error_number);
  if (main_ < 0) {
    report({ShimReport::kExecFailed, 0, error_number, 0, 0});
    return false;
  }
  main_runs_ = true;
  report({ShimReport::kStarted, main_, 0, 0, 0});
  return true;
}

void ShimProcess::run() {
  while (!is_over_) turn();
  report({ShimReport::kGone, 0, 0, 0, 0});
}

Millis ShimProcess::wait_time() const {
  if (!kill_at_) return Millis{-1};
  return std::max(Millis{0}, std::chrono::ceil<Millis>(*kill_at_ - now()));
}

void ShimProcess::turn() {
  pollfd fds[2] = {{control_.get(), POLLIN, 0}, {children_.get(), POLLIN, 0}};
  poll(fds, 2, static_cast<int>(wait_time().count()));
  if (fds[1].revents != 0) {
    signalfd_siginfo info{};
    while (read(children_.get(), &info, sizeof info) > 0) {
    }
  }
  reap();
  if (fds[0].revents != 0 && !is_over_) obey();
  kill_when_due();
}

void ShimProcess::obey() {
  ShimOrder order{};
  const ssize_t got = recv(control_.get(), &order, sizeof order, MSG_DONTWAIT);
  if (got < 0) return;
  was_asked_ = true;
  if (got == 0) {  // the launcher is dead
    control_.reset();
    kill_at_ = now();
    return;
  }
  if (order.kind == ShimOrder::kSignal) signal_group(order.number);
  if (order.kind == ShimOrder::kStop) end_all(Millis{order.kill_after_ms});
}

// While the program lives its group is certain to be its own; afterwards only descendants are.
void ShimProcess::signal_group(int number) const {
  if (main_runs_) {
    kill(-main_, number);
    return;
  }
  for (const pid_t pid : descendants_of(getpid())) kill(pid, number);
}

void ShimProcess::end_all(Millis grace) {
  const TimePoint kill_at = now() + grace;
  kill_at_ = kill_at_ ? std::min(*kill_at_, kill_at) : kill_at;
  if (grace > Millis{0}) signal_group(SIGTERM);
}

void ShimProcess::kill_when_due() {
  if (!kill_at_ || now() < *kill_at_) return;
  if (main_runs_) kill(-main_, SIGKILL);
  for (const pid_t pid : descendants_of(getpid())) kill(pid, SIGKILL);
  kill_at_ = now() + kKillPeriod;
}

void ShimProcess::reap() {
  while (true) {
    int status = 0;
    const pid_t ended = waitpid(-1, &status, WNOHANG);
    if (ended < 0 && errno == ECHILD) {
      is_over_ = true;
      return;
    }
    if (ended <= 0) return;
    if (ended == main_ && main_runs_) main_ended(status);
  }
}

// Children of children come to us as well (PR_SET_CHILD_SUBREAPER), so to have no child is to have no
// descendant; that is the rule, and asking costs nothing, while reading all of /proc costs milliseconds.
bool has_children() {
  siginfo_t info{};
  return waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0 || errno != ECHILD;
}

void ShimProcess::main_ended(int status) {
  main_runs_ = false;
  const auto left = has_children() ? descendants_of(getpid()) : std::vector<pid_t>{};
  report({ShimReport::kExited, main_, status, static_cast<std::int32_t>(left.size()), was_asked_ ? 1 : 0});
  if (left.empty()) return;
  end_all(kill_at_ ? std::max(Millis{1}, std::chrono::ceil<Millis>(*kill_at_ - now())) : kLeftoverGrace);
}

UniqueFd watch_children() {
  sigset_t set;
  sigfillset(&set);
  sigprocmask(SIG_SETMASK, &set, nullptr);
  sigemptyset(&set);
  sigaddset(&set, SIGCHLD);
  return UniqueFd(signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
}

// Everything of the launcher that is not ours: its connection, the listeners it keeps, other generations'
// pipes.
void close_all_but(std::vector<int> kept) {
  std::sort(kept.begin(), kept.end());
  const long limit = std::min(sysconf(_SC_OPEN_MAX), 65'536L);
  unsigned first = 3;
  for (const int fd : kept) {
    const auto number = static_cast<unsigned>(fd);
    if (number > first && syscall(SYS_close_range, first, number - 1, 0U) != 0) {
      for (unsigned i = first; i < number; ++i) close(static_cast<int>(i));
    }
    first = number + 1;
  }
  if (syscall(SYS_close_range, first, ~0U, 0U) == 0) return;
  for (long i = first; i < limit; ++i) close(static_cast<int>(i));
}

[[noreturn]] void be_shim(UniqueFd control, UniqueFd out, UniqueFd err, const Program& program) {
  prctl(PR_SET_CHILD_SUBREAPER, 1);
  prctl(PR_SET_NAME, "sidestep-shim");
  setsid();
  close_all_but({control.get(), out.get(), err.get()});
  ShimProcess shim(std::move(control), watch_children());
  const bool is_running = shim.start(program, out.get(), err.get());
  out.reset();
  err.reset();
  if (is_running) shim.run();
  _exit(0);
}

}  // namespace

Shim start_shim(const Program& program) {
  int control[2], out[2], err[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, control) != 0) return {};
  UniqueFd ours(control[0]), theirs(control[1]);
  if (pipe2(out, O_CLOEXEC) != 0) return {};
  UniqueFd out_reader(out[0]), out_writer(out[1]);
  if (pipe2(err, O_CLOEXEC) != 0) return {};
  UniqueFd err_reader(err[0]), err_writer(err[1]);
  fcntl(out_reader.get(), F_SETFL, O_NONBLOCK);
  fcntl(err_reader.get(), F_SETFL, O_NONBLOCK);
  const pid_t pid = fork();
  if (pid < 0) return {};
  if (pid == 0) be_shim(std::move(theirs), std::move(out_writer), std::move(err_writer), program);
  Shim shim;
  shim.pid = pid;
  shim.control = std::move(ours);
  shim.output[0] = std::move(out_reader);
  shim.output[1] = std::move(err_reader);
  return shim;
}

}  // namespace sidestep::launch
