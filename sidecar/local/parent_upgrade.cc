// The parent's part in replacing the worker, and itself: performs what core/handover decides.
#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>

#include "lib/base/log.h"
#include "lib/policy/signature.h"
#include "sidecar/local/install.h"
#include "sidecar/local/next_words.h"
#include "sidecar/local/parent.h"

namespace sidestep::sidecar {

namespace {

constexpr int kProgramFd = 64;        // above every number that a child is given
constexpr Millis kOldMargin{15'000};  // between the end that an old worker makes by itself and ours
constexpr Millis kOldLook{1'000};
constexpr Millis kExecuteAgain{100};

std::string path_of(int fd) { return "/proc/self/fd/" + std::to_string(fd); }

}  // namespace

void Parent::step(const handover::Event& event) {
  handover::Step next = handover::advance(std::move(handover_), event, loop_.now());
  handover_ = std::move(next.model);
  if (const auto due = handover::deadline(handover_))
    loop_.arm_at(upgrade_deadline_, *due);
  else
    loop_.cancel(upgrade_deadline_);
  for (const handover::Effect& effect : next.effects) {
    std::visit([this](const auto& e) { perform(e); }, effect);
  }
}

// `arguments`: options of the new worker in place of the present ones, one a line.
void Parent::ask_upgrade(bool by_signal, std::string arguments) {
  handover::Asked asked;
  asked.nonce = policy::random_hex(16);
  asked.can_be_done = current_ && current_->is_ready && !is_ending_;
  asked.why_not =
      is_ending_ ? "the proxy ends" : "the worker does not serve yet: try again when /readyz says ok";
  if (handover::is_resting(handover_) && asked.can_be_done) {
    Result<std::vector<std::string>> words = next_words(settings_.worker_arguments, arguments);
    if (words)
      next_words_ = *std::move(words);
    else
      asked.can_be_done = false, asked.why_not = words.error().detail;
  }
  if (by_signal) log::info("an upgrade is asked for by signal", {});
  step(asked);
}

void Parent::perform(const handover::Start& start) {
  if (const Status started = start_next(start.nonce); !started)
    step(handover::NewFailed{started.error().detail});
}

Status Parent::start_next(const std::string& nonce) {
  gone_meanwhile_.clear();
  UniqueFd program(open(settings_.upgrade_program.c_str(), O_RDONLY | O_CLOEXEC));
  if (!program && errno == ENOENT) {  // deleted, and nothing in its place
    log::info("no program to upgrade to is there: the running one is started again",
              {{"path", settings_.upgrade_program}});
    program.reset(open("/proc/self/exe", O_RDONLY | O_CLOEXEC));
  }
  if (!program) return system_error("open " + settings_.upgrade_program, errno);
  next_program_ = UniqueFd(fcntl(program.get(), F_DUPFD_CLOEXEC, kProgramFd));
  if (!next_program_) return system_error("open " + settings_.upgrade_program, errno);
  auto handover = socket_pair(SOCK_STREAM);
  if (!handover) return handover.error();
  auto started = WorkerProcess::start(
      loop_,
      {path_of(next_program_.get()), next_words_, settings_.env, next_number(), std::move(handover->second)},
      *this);
  if (!started) {
    Error error = started.error();
    error.detail = settings_.upgrade_program + ": " + error.detail;
    return error;
  }
  next_ = std::move(*started);
  tell_start(*next_, " upgrade=" + nonce);
  if (!current_->tell("handover " + nonce, handover->first.get()))
    return unavailable("the present worker takes no more messages");
  return {};
}

void Parent::tell_start(WorkerProcess& worker, const std::string& more) {
  for (const auto& [name, fd] : kept_) worker.tell("fd " + name, fd.get());
  const bool is_new = more.empty() && std::exchange(launcher_is_new_, false);
  worker.tell("start restarts=" + std::to_string(restarts_) + (is_new ? " launcher=new" : " launcher=old") +
              " worker=" + std::to_string(worker.number()) + more);
}

// From here on the new worker is the worker, whatever happens to it.
void Parent::perform(const handover::Commit&) {
  current_->retired_at = loop_.now();
  old_.push_back(std::move(current_));
  current_ = std::move(next_);
  last_words_ = std::exchange(settings_.worker_arguments, next_words_);
  for (auto& old : old_) link_old(*old);
  current_->tell("take");
  for (const int number : gone_meanwhile_) current_->tell("gone " + std::to_string(number));
  tell_report();
  limit_old();
}

// A fresh socket between an old worker and the one that serves: routes one way, what is still open the other.
void Parent::link_old(WorkerProcess& old) {
  auto link = socket_pair(SOCK_STREAM);
  const bool told = link && current_->tell("older " + std::to_string(old.number()), link->second.get()) &&
                    old.tell("yield", link->first.get());
  if (!told) log::warn("an old worker gets no routes any more", {{"worker", old.number()}});
}

void Parent::perform(const handover::Undo&) {
  if (next_) {
    next_->send_signal(SIGKILL);
    doomed_.push_back(std::move(next_));
  }
  next_program_.reset();
  if (current_) current_->tell("resume");
}

// Its exit is a crash: the next worker is started as the one before the upgrade was.
void Parent::perform(const handover::End&) {
  next_program_.reset();
  if (current_) current_->send_signal(SIGKILL);
}

void Parent::perform(const handover::Refuse& refuse) {
  log::warn("upgrade refused", {{"why", refuse.why}});
  if (current_) current_->tell("upgrade-refused " + refuse.why);
}

void Parent::perform(const handover::Report& report) {
  const bool is_news = report.id != report_.id || report.has_ended != report_.has_ended;
  report_.id = report.id;
  report_.has_ended = report.has_ended;
  report_.succeeded = report.succeeded;
  report_.message = report.message;
  if (is_news) {
    if (report.has_ended) ++(report.succeeded ? report_.good : report_.bad);
    log::info("upgrade", {{"id", report.id},
                          {"ended", report.has_ended},
                          {"succeeded", report.succeeded},
                          {"message", report.message}});
    if (report.succeeded) {
      own_next_ = {std::move(next_program_), next_is_like_us_};
      loop_.arm(execute_, Millis{0});
    }
    // A worker that crashed as it took over is followed by one that is started as the one before it was.
    if (report.has_ended && !report.succeeded && !last_words_.empty())
      settings_.worker_arguments = std::exchange(last_words_, {});
    if (report.succeeded) last_words_.clear();
  }
  tell_report();
}

void Parent::tell_report() {
  if (!current_) return;
  const std::string text = "upgrade-report id=" + std::to_string(report_.id) +
                           " ended=" + std::to_string(report_.has_ended ? 1 : 0) +
                           " succeeded=" + std::to_string(report_.succeeded ? 1 : 0) +
                           " good=" + std::to_string(report_.good) + " bad=" + std::to_string(report_.bad) +
                           " " + report_.message;
  current_->tell(text);
}

// Beyond the number the oldest is told to end; one that does not end by its age is killed.
void Parent::limit_old() {
  const auto most = static_cast<std::size_t>(settings_.upgrade_max_old);
  for (std::size_t i = 0; i + most < old_.size(); ++i) {
    if (std::exchange(old_[i]->was_told_to_end, true)) continue;
    log::warn("too many workers that were replaced still have connections: the oldest ends them",
              {{"worker", old_[i]->number()}, {"most", most}});
    old_[i]->tell("end");
  }
  for (auto& old : old_) {
    if (loop_.now() >= old->retired_at + settings_.upgrade_drain + kOldMargin) old->send_signal(SIGKILL);
  }
  if (!old_.empty()) loop_.arm(old_look_, kOldLook);
}

void Parent::old_ended(const WorkerProcess& worker, ExitStatus exit) {
  if (exit.signal != 0)
    log::warn("a worker that was replaced was killed",
              {{"worker", worker.number()}, {"signal", exit.signal}});
  if (current_) current_->tell("gone " + std::to_string(worker.number()));
  if (!handover::is_resting(handover_)) gone_meanwhile_.push_back(worker.number());
}

ParentState Parent::state() const {
  const auto left = [](const WorkerProcess& worker) {
    return LeftWorker{worker.pid(),    worker.number(),   worker.channel(),
                      worker.is_ready, worker.started_at, worker.retired_at};
  };
  ParentState state;
  state.settings = settings_;
  for (const auto& [name, fd] : kept_) state.kept.emplace(name, fd.get());
  state.current = left(*current_);
  for (const auto& old : old_) state.old.push_back(left(*old));
  if (launcher_ && launcher_->is_running()) state.launcher = launcher_->pid();
  state.restarts = restarts_;
  state.workers = workers_;
  state.attempts = handover_.attempts;
  state.report = report_;
  return state;
}

// The same process goes on with the program of its worker. When that cannot be, it goes on as it is.
void Parent::execute_next_program() {
  if (is_ending_ || !own_next_.program) return;
  // What is about to happen here would be forgotten: another upgrade, a worker or a launcher that is started
  // again.
  if (!handover::is_resting(handover_) || !current_ || launcher_again_.is_armed())
    return loop_.arm(execute_, kExecuteAgain);
  const UniqueFd program = std::move(own_next_.program);
  const std::string folder = std::filesystem::path(settings_.upgrade_program).parent_path();
  if (!settings_.install_dir.empty()) {
    const Status installed = install_launcher(folder + "/sidestep-launch", settings_.install_dir);
    if (!installed) log::warn("the launcher stays the old one", {{"error", installed.error().detail}});
  }
  if (!own_next_.is_like_us) {
    log::warn("the parent stays the old program: the new one does not understand its state", {});
    return;
  }
  const ParentState state = this->state();
  const Result<UniqueFd> file = write_parent_state(state);
  if (!file) {
    log::warn("the parent stays the old program", {{"error", file.error().detail}});
    return;
  }
  std::vector<std::string> words{"sidestep", kParentVerb, std::to_string(file->get())};
  if (settings_.parent_arguments.size() > 1)
    words.insert(words.end(), settings_.parent_arguments.begin() + 1, settings_.parent_arguments.end());
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  std::vector<char*> env;
  for (std::string& variable : settings_.env) env.push_back(variable.data());
  env.push_back(nullptr);
  keep_over_exec(state, true);
  fcntl(file->get(), F_SETFD, 0);
  execve(path_of(program.get()).c_str(), argv.data(), env.data());
  const int number = errno;
  keep_over_exec(state, false);
  log::warn("the parent stays the old program", {{"error", std::strerror(number)}});
}

}  // namespace sidestep::sidecar
