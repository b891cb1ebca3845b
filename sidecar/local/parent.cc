#include "sidecar/local/parent.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>

#include "lib/base/log.h"

namespace sidestep::sidecar {

namespace {

constexpr int kCannotStart = 1;
constexpr int kGaveUp = 70;
constexpr int kLauncherLock = 3;
constexpr Millis kLauncherRetry{500};

int as_status(ExitStatus exit) { return exit.signal != 0 ? 128 + exit.signal : exit.status; }

}  // namespace

Parent::Parent(ParentSettings settings)
    : settings_(std::move(settings)),
      signals_(loop_, {SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGCHLD}, [this](int number) { on_signal(number); }),
      backoff_(settings_.backoff, settings_.give_up_after),
      again_([this] { retry_worker(); }),
      launcher_again_([this] {
        if (const Status started = start_launcher(); !started) {
          log::error("the launcher cannot be started", {{"error", started.error().detail}});
        }
      }),
      launcher_kill_([this] { launcher_->send_signal(SIGKILL); }) {}

Parent::~Parent() { close_channel(); }

int Parent::run() {
  prctl(PR_SET_NAME, "sidestep");
  if (settings_.launcher) {
    if (const Status started = start_launcher(); !started) {
      log::error("the launcher cannot be started", {{"error", started.error().detail}});
      return kCannotStart;
    }
  }
  if (const Status started = start_worker(); !started) {
    log::error("the worker cannot be started", {{"error", started.error().detail}});
    finish(kCannotStart);
  }
  loop_.run();
  return status_;
}

void Parent::on_signal(int number) {
  if (number == SIGCHLD) return reap_strays();
  is_ending_ = true;
  const int passed = number == SIGHUP ? SIGTERM : number;
  if (worker_ && worker_->is_running()) return worker_->send_signal(passed);
  loop_.cancel(again_);
  finish(128 + number);
}

// PID 1 is given every orphan of its container. Our own children are reaped by their owners.
void Parent::reap_strays() const {
  siginfo_t info{};
  while (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid != 0) {
    const bool is_ours =
        (worker_ && worker_->pid() == info.si_pid) || (launcher_ && launcher_->pid() == info.si_pid);
    if (is_ours) return;  // its owner takes it soon and looks again
    waitpid(info.si_pid, nullptr, WNOHANG);
    info = {};
  }
}

Status Parent::start_worker() {
  auto channel = socket_pair(SOCK_SEQPACKET);
  if (!channel) return channel.error();
  ChildSpec spec;
  spec.path = settings_.program;
  spec.argv = settings_.worker_arguments;
  spec.env = settings_.env;
  spec.fds = {{channel->second.get(), kWorkerChannel}};
  spec.new_session = true;  // a terminal's signals reach it once, through us
  spec.dies_with_us = true;
  worker_was_ready_ = false;
  worker_started_ = loop_.now();
  close_channel();
  channel_ = std::move(channel->first);
  auto started = Child::start(loop_, spec, [this](ExitStatus exit) { worker_ended(exit); });
  if (!started) return started.error();
  worker_ = std::move(*started);
  loop_.add(channel_.get(), EPOLLIN, this);
  tell_start();
  return {};
}

void Parent::tell_start() {
  for (const auto& [name, fd] : kept_) send_fd_message(channel_.get(), "fd " + name, fd.get());
  send_fd_message(channel_.get(),
                  "start restarts=" + std::to_string(restarts_) +
                      (std::exchange(launcher_is_new_, false) ? " launcher=new" : " launcher=old"));
}

void Parent::close_channel() {
  loop_.remove(channel_.get());
  channel_.reset();
}

void Parent::on_io(std::uint32_t /*events*/) {
  FdMessage message;
  while (channel_) {
    const Receive got = receive_fd_message(channel_.get(), message);
    if (got == Receive::kNothing) return;
    if (got == Receive::kClosed) return close_channel();
    obey(std::move(message));
  }
}

void Parent::obey(FdMessage message) {
  const auto name = [&](std::size_t prefix) { return message.text.substr(prefix); };
  if (message.text == "ready") worker_was_ready_ = true;
  if (message.text.starts_with("drop ")) kept_.erase(name(5));
  if (!message.text.starts_with("keep ") || !message.fd) return;
  if (kept_.size() < kMaxKept || kept_.contains(name(5))) kept_[name(5)] = std::move(message.fd);
}

void Parent::worker_ended(ExitStatus exit) {
  on_io(0);  // what it said last
  reap_strays();
  close_channel();
  if (exit.signal == 0 || is_ending_) return finish(as_status(exit));
  const auto ran_for = std::chrono::duration_cast<Millis>(loop_.now() - worker_started_);
  const auto delay = backoff_.after_crash(ran_for, worker_was_ready_);
  ++restarts_;
  log::error("the worker crashed", {{"signal", exit.signal},
                                    {"ran_ms", ran_for.count()},
                                    {"crashes", restarts_},
                                    {"again_in_ms", delay ? delay->count() : -1}});
  if (!delay) return finish(kGaveUp);
  if (*delay == Millis{0}) return retry_worker();
  loop_.arm(again_, *delay);
}

void Parent::retry_worker() {
  if (const Status started = start_worker(); !started) {
    log::error("the worker cannot be started", {{"error", started.error().detail}});
    finish(kCannotStart);
  }
}

// The lock is the file's, not ours: the launcher inherits it, and while it lives nobody else gets it.
Status Parent::start_launcher() {
  const LauncherStart& start = *settings_.launcher;
  const UniqueFd lock(open(start.lock_path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!lock) return system_error("open " + start.lock_path, errno);
  if (flock(lock.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return system_error("lock " + start.lock_path, errno);
    log::info("a launcher is running already, with the app of a proxy that was killed",
              {{"lock", start.lock_path}});
    return {};
  }
  ChildSpec spec;
  spec.path = start.program;
  spec.argv = start.arguments;
  spec.argv.insert(spec.argv.begin() + 1, {"--lock-fd", std::to_string(kLauncherLock)});
  spec.env = settings_.env;
  spec.fds = {{lock.get(), kLauncherLock}};
  spec.new_session = true;
  auto started = Child::start(loop_, spec, [this](ExitStatus exit) { launcher_ended(exit); });
  if (!started) return started.error();
  launcher_ = std::move(*started);
  launcher_is_new_ = true;
  return {};
}

void Parent::launcher_ended(ExitStatus exit) {
  loop_.cancel(launcher_kill_);
  reap_strays();
  const bool worker_runs = worker_ && worker_->is_running();
  if (!worker_runs && is_ending_) return loop_.stop();
  if (exit.signal == 0) return;  // it was told to, and the worker knows
  log::error("the launcher was killed, and the app with it", {{"signal", exit.signal}});
  loop_.arm(launcher_again_, kLauncherRetry);
}

// The end: the worker is gone. A launcher of ours is asked to end what it still has.
void Parent::finish(int status) {
  is_ending_ = true;
  status_ = status;
  loop_.cancel(launcher_again_);
  if (!launcher_ || !launcher_->is_running()) return loop_.stop();
  launcher_->send_signal(SIGTERM);
  loop_.arm(launcher_kill_, settings_.launcher_stop);
}

}  // namespace sidestep::sidecar
