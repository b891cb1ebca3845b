#include "sidecar/local/parent.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "lib/base/log.h"
#include "lib/base/startup_pages.h"

namespace sidestep::sidecar {

namespace {

constexpr int kCannotStart = 1;
constexpr int kGaveUp = 70;
constexpr int kLauncherLock = 3;
constexpr Millis kLauncherRetry{500};
// To take over is to begin with what is there already; it gets this part of the time to get ready, and no
// less than a busy machine needs for a process that is about to run.
constexpr int kTakePart = 3;
constexpr Millis kLeastTake{5'000};

int as_status(ExitStatus exit) { return exit.signal != 0 ? 128 + exit.signal : exit.status; }

}  // namespace

Parent::Parent(ParentSettings settings)
    : settings_(std::move(settings)),
      signals_(loop_, {SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGCHLD, SIGUSR2},
               [this](int number) { on_signal(number); }),
      backoff_(settings_.backoff, settings_.give_up_after),
      again_([this] { retry_worker(); }),
      launcher_again_([this] {
        if (const Status started = start_launcher(); !started) {
          log::error("the launcher cannot be started", {{"error", started.error().detail}});
        }
      }),
      launcher_kill_([this] { launcher_->send_signal(SIGKILL); }),
      upgrade_deadline_([this] { step(handover::Deadline{}); }),
      old_look_([this] { limit_old(); }),
      execute_([this] { execute_next_program(); }) {
  handover_.limits.prove = settings_.upgrade_prove;
  handover_.limits.take = std::clamp(settings_.upgrade_prove / kTakePart,
                                     std::min(kLeastTake, settings_.upgrade_prove), settings_.upgrade_prove);
}

Parent::~Parent() = default;

int Parent::run() {
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
  return loop_until_end();
}

int Parent::resume(ParentState state) {
  restarts_ = state.restarts;
  workers_ = state.workers;
  handover_.attempts = state.attempts;
  report_ = std::move(state.report);
  for (const auto& [name, fd] : state.kept) kept_.emplace(name, UniqueFd(fd));
  const auto adopt = [this](const LeftWorker& left) {
    auto worker = WorkerProcess::adopt(loop_, left.pid, left.number, UniqueFd(left.channel), *this);
    worker->is_ready = left.is_ready;
    worker->started_at = left.started_at;
    worker->retired_at = left.retired_at;
    return worker;
  };
  current_ = adopt(state.current);
  for (const LeftWorker& left : state.old) old_.push_back(adopt(left));
  if (state.launcher != 0)
    launcher_ = Child::adopt(loop_, state.launcher, [this](ExitStatus exit) { launcher_ended(exit); });
  limit_old();
  reap_strays();  // those that the program before had killed, and not reaped yet
  log::info("the parent runs the new program", {{"pid", getpid()}, {"worker", current_->pid()}});
  return loop_until_end();
}

int Parent::loop_until_end() {
  prctl(PR_SET_NAME, "sidestep");
  loop_.run();
  return status_;
}

void Parent::on_signal(int number) {
  if (number == SIGCHLD) return reap_strays();
  if (number == SIGUSR2) return ask_upgrade(true, {});
  is_ending_ = true;
  step(handover::Term{});
  const int passed = number == SIGHUP ? SIGTERM : number;
  if (current_) return current_->send_signal(passed);
  loop_.cancel(again_);
  finish(128 + number);
}

bool Parent::is_ours(pid_t pid) const {
  const auto is = [pid](const auto& worker) { return worker && worker->pid() == pid; };
  return is(current_) || is(next_) || is(launcher_) || std::any_of(old_.begin(), old_.end(), is) ||
         std::any_of(doomed_.begin(), doomed_.end(), is);
}

// PID 1 is given every orphan of its container. Our own children are reaped by their owners.
void Parent::reap_strays() const {
  siginfo_t info{};
  while (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid != 0) {
    if (is_ours(info.si_pid)) return;  // its owner takes it soon and looks again
    waitpid(info.si_pid, nullptr, WNOHANG);
    info = {};
  }
}

int Parent::next_number() {
  const auto has_its_name = [this](const std::unique_ptr<WorkerProcess>& worker) {
    return worker && worker_name(worker->number()) == worker_name(workers_);
  };
  do {
    ++workers_;
  } while (has_its_name(current_) || std::any_of(old_.begin(), old_.end(), has_its_name) ||
           std::any_of(doomed_.begin(), doomed_.end(), has_its_name));
  return workers_;
}

Status Parent::start_worker() {
  auto started = WorkerProcess::start(
      loop_, {settings_.program, settings_.worker_arguments, settings_.env, next_number(), {}}, *this);
  if (!started) return started.error();
  current_ = std::move(*started);
  tell_start(*current_, "");
  tell_report();
  for (auto& old : old_) link_old(*old);
  return {};
}

void Parent::on_message(WorkerProcess& worker, FdMessage message) {
  if (message.text.starts_with("cannot ")) {
    worker.last_words = message.text.substr(7);
    if (&worker == next_.get()) step(handover::NewFailed{worker.last_words});
    if (&worker == current_.get()) step(handover::CurrentFailed{worker.last_words});
  } else if (&worker == next_.get() && message.text.starts_with("proved ")) {
    next_is_like_us_ = message.text.ends_with(" parent=" + std::to_string(kParentStateVersion));
    step(handover::Proved{message.text.substr(7, message.text.find(' ', 7) - 7)});
  } else if (&worker == current_.get()) {
    obey_current(std::move(message));
  }
}

void Parent::obey_current(FdMessage message) {
  const auto name = [&](std::size_t prefix) { return message.text.substr(prefix); };
  if (message.text == "ready") {
    current_->is_ready = true;
    step(handover::Serves{});
    give_back_startup_pages();
  }
  if (message.text.starts_with("upgrade ")) return ask_upgrade(false, name(8));
  if (message.text.starts_with("drop ")) kept_.erase(name(5));
  if (!message.text.starts_with("keep ") || !message.fd) return;
  if (kept_.size() < kMaxKept || kept_.contains(name(5))) kept_[name(5)] = std::move(message.fd);
}

void Parent::on_ended(WorkerProcess& worker, ExitStatus exit) {
  const auto is = [&](const auto& one) { return one.get() == &worker; };
  std::unique_ptr<WorkerProcess> owned;
  if (is(current_)) {
    owned = std::move(current_);
    current_ended(*owned, exit);
  } else if (is(next_)) {
    const std::string how = exit.signal != 0 ? "was killed by signal " + std::to_string(exit.signal)
                                             : "ended with status " + std::to_string(exit.status);
    const std::string words = worker.last_words.empty() ? "" : ": " + worker.last_words;
    owned = std::move(next_);
    step(handover::NewFailed{"the new worker " + how + words});
  } else {
    for (auto* group : {&old_, &doomed_}) {
      const auto it = std::find_if(group->begin(), group->end(), is);
      if (it == group->end()) continue;
      owned = std::move(*it);
      group->erase(it);
      if (group == &old_) old_ended(worker, exit);
      break;
    }
  }
  loop_.destroy_later(std::move(owned));
  reap_strays();
}

// `current_` is empty by now.
void Parent::current_ended(const WorkerProcess& worker, ExitStatus exit) {
  const bool was_taking = std::holds_alternative<handover::Taking>(handover_.state);
  const std::string how = "the worker ended with status " + std::to_string(as_status(exit));
  if (was_taking)
    step(handover::NewFailed{how});
  else
    step(handover::CurrentFailed{how});
  if ((exit.signal == 0 && !was_taking) || is_ending_) return finish(as_status(exit));
  const auto ran_for = std::chrono::duration_cast<Millis>(loop_.now() - worker.started_at);
  const auto delay = backoff_.after_crash(ran_for, worker.is_ready);
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
  if (!current_ && is_ending_) return loop_.stop();
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
