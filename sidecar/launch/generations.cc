#include "sidecar/launch/generations.h"

#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "sidecar/launch/memory.h"
#include "sidecar/launch/placeholders.h"
#include "sidecar/launch/processes.h"

namespace sidestep::launch {

namespace {

constexpr Millis kSocketPeriod{10};
constexpr Millis kSocketWatch{2'000};  // a program may set its own mode after it has bound
constexpr Millis kLongestWait{10'000};
constexpr std::size_t kReadBytes = 65'536;
constexpr int kReadsPerTurn = 8;  // of one stream, so that a chatty generation does not starve the rest

}  // namespace

Generations::Live* Generations::find(std::uint64_t generation) {
  const auto it = live_.find(generation);
  return it == live_.end() ? nullptr : &it->second;
}

void Generations::fail(std::uint64_t generation, std::string message, int error_number) {
  outbox_.send(encode(SpawnFailed{generation, std::move(message), static_cast<std::uint64_t>(error_number)}));
}

bool Generations::prepare(const Spawn& order, const GenerationPaths& paths, Live& live,
                          std::string& wrong) const {
  if (order.argv.empty() || order.argv[0].empty()) wrong = "the command is empty";
  if (live_.contains(order.generation))
    wrong = "generation " + std::to_string(order.generation) + " runs already";
  if (live_.size() >= kMaxRunning) wrong = std::to_string(kMaxRunning) + " generations run already";
  if (order.config_generation != 0 && !paths.config) {
    wrong = "there is no configuration snapshot of generation " + std::to_string(order.config_generation);
  }
  if (!wrong.empty()) return false;
  live.info.generation = order.generation;
  live.info.config_generation = order.config_generation;
  live.info.argv = order.argv;
  Places places;
  if (order.wants_socket) {
    live.info.socket = "run/app/g" + std::to_string(order.generation) + ".sock";
    live.socket_path = paths.run_dir + "/" + live.info.socket;
    unlink(live.socket_path.c_str());
    places.socket = live.socket_path;
  }
  if (order.config_generation != 0) places.config = *paths.config;
  for (const std::string& entry : order.env)
    if (entry.starts_with("PORT=")) places.port = entry.substr(5);
  live.program.argv = order.argv;
  live.program.env = merged_environment(environ, order.env, places);
  wrong = fill_in(live.program.argv, places);
  if (wrong.empty()) wrong = fill_in(live.program.env, places);
  return wrong.empty();
}

void Generations::spawn(const Spawn& order, const GenerationPaths& paths) {
  Live live;
  std::string wrong;
  if (!prepare(order, paths, live, wrong)) return fail(order.generation, wrong, EINVAL);
  live.started = now();
  live.oom_kills_before = oom_kills();
  live.shim = start_shim(live.program);
  if (!live.shim.control)
    return fail(order.generation, failure("cannot start " + order.argv[0], errno), errno);
  live_.emplace(order.generation, std::move(live));
}

void Generations::signal(std::uint64_t generation, int number) {
  const Live* live = find(generation);
  if (live == nullptr || number <= 0 || number >= NSIG) return;
  const ShimOrder order{ShimOrder::kSignal, number, 0};
  send(live->shim.control.get(), &order, sizeof order, MSG_NOSIGNAL);
}

void Generations::stop(std::uint64_t generation, Millis kill_after) {
  Live* live = find(generation);
  if (live == nullptr) return;
  live->info.is_stopping = true;
  const ShimOrder order{ShimOrder::kStop, 0, kill_after.count()};
  send(live->shim.control.get(), &order, sizeof order, MSG_NOSIGNAL);
}

void Generations::stop_all(Millis kill_after) {
  for (const auto& [generation, live] : live_) stop(generation, kill_after);
}

void Generations::send_tail(std::uint64_t generation) {
  const Live* live = find(generation);
  outbox_.send(
      encode(TailReport{generation, live == nullptr ? std::vector<std::string>{} : live->tail.lines()}));
}

void Generations::watch(PollSet& set) {
  for (auto& [generation, live] : live_) {
    if (live.shim.control)
      set.add(live.shim.control.get(), POLLIN, [this, &live = live] { read_control(live); });
    for (int stream = 0; stream < 2; ++stream) {
      const UniqueFd& pipe = live.shim.output[stream];
      if (pipe) set.add(pipe.get(), POLLIN, [this, &live = live, stream] { read_output(live, stream); });
    }
  }
}

void Generations::read_output(Live& live, int stream) {
  UniqueFd& pipe = live.shim.output[stream];
  std::string buffer(kReadBytes, '\0');
  for (int i = 0; pipe && i < kReadsPerTurn; ++i) {
    const ssize_t got = read(pipe.get(), buffer.data(), buffer.size());
    if (got < 0) return;
    if (got == 0) return pipe.reset();
    const std::string_view bytes(buffer.data(), static_cast<std::size_t>(got));
    live.tail.add(bytes);
    sinks_[stream]->write(bytes);
  }
}

void Generations::read_control(Live& live) {
  while (live.shim.control) {
    ShimReport report{};
    const ssize_t got = recv(live.shim.control.get(), &report, sizeof report, MSG_DONTWAIT);
    if (got < 0) return;
    if (got == 0) return shim_lost(live);
    handle(live, report);
  }
}

void Generations::handle(Live& live, const ShimReport& report) {
  switch (report.kind) {
    case ShimReport::kStarted:
      return started(live, report);
    case ShimReport::kExited:
      return exited(live, report.value, report.was_asked != 0, report.leftover);
    case ShimReport::kExecFailed:
      live.is_reported = live.is_gone = true;
      live.shim.control.reset();
      return fail(live.info.generation, explain_exec_failure(live.program, report.value), report.value);
    case ShimReport::kGone:
      live.is_gone = true;
      live.shim.control.reset();
      outbox_.send(encode(Gone{live.info.generation}));
      return;
  }
}

void Generations::started(Live& live, const ShimReport& report) {
  live.info.pid = static_cast<std::uint64_t>(report.pid);
  outbox_.send(encode(Spawned{live.info.generation, live.info.pid, live.info.socket}));
}

void Generations::exited(Live& live, int wait_status, bool was_asked, int leftover) {
  for (int stream = 0; stream < 2; ++stream) read_output(live, stream);
  Exited exited;
  exited.generation = live.info.generation;
  if (WIFSIGNALED(wait_status)) exited.signal = static_cast<std::uint64_t>(WTERMSIG(wait_status));
  if (WIFEXITED(wait_status)) exited.status = static_cast<std::uint64_t>(WEXITSTATUS(wait_status));
  exited.was_asked = was_asked;
  exited.forked_away = !was_asked && leftover > 0 && exited.status == 0 && exited.signal == 0;
  exited.out_of_memory = !was_asked && exited.signal == SIGKILL && oom_kills() > live.oom_kills_before;
  exited.output = live.tail.lines();
  last_status_ = static_cast<int>(exited.signal != 0 ? 128 + exited.signal : exited.status);
  live.info.pid = 0;
  live.is_reported = true;
  outbox_.send(encode(exited));
}

// Somebody killed the shim. Its generation came to us (we are the next subreaper) and is ended.
void Generations::shim_lost(Live& live) {
  live.shim.control.reset();
  if (live.is_gone) return;
  if (!live.is_reported) {
    if (live.info.pid != 0) kill(-static_cast<pid_t>(live.info.pid), SIGKILL);
    exited(live, SIGKILL, false, 0);
  }
  live.is_gone = true;
  outbox_.send(encode(Gone{live.info.generation}));
}

// What a killed shim leaves behind comes to us, and nothing else does: every child that is not a shim is
// ended.
void Generations::end_strays(const std::vector<pid_t>& shims) {
  for (const pid_t child : children_of(getpid())) {
    if (std::find(shims.begin(), shims.end(), child) != shims.end()) continue;
    for (const pid_t below : descendants_of(child)) kill(below, SIGKILL);
    kill(child, SIGKILL);
  }
}

void Generations::reap() {
  std::vector<pid_t> shims;
  bool was_killed = false;
  for (auto& [generation, live] : live_) {
    int status = 0;
    if (live.shim_is_reaped) continue;
    live.shim_is_reaped = waitpid(live.shim.pid, &status, WNOHANG) == live.shim.pid;
    if (!live.shim_is_reaped) shims.push_back(live.shim.pid);
    if (live.shim_is_reaped && WIFSIGNALED(status)) was_killed = true;
  }
  siginfo_t info{};
  while (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid != 0) {
    if (std::find(shims.begin(), shims.end(), info.si_pid) != shims.end())
      break;  // ended just now: next round
    waitpid(info.si_pid, nullptr, WNOHANG);
    was_killed = true;  // a stray: there may be more
    info = {};
  }
  if (was_killed) end_strays(shims);
}

void Generations::look_for_socket(Live& live) {
  if (live.socket_path.empty() || live.info.pid == 0) return;
  if (live.socket_ready_at && now() - *live.socket_ready_at > kSocketWatch) return;
  struct stat info {};
  if (lstat(live.socket_path.c_str(), &info) != 0 || !S_ISSOCK(info.st_mode)) return;
  if ((info.st_mode & 0666U) != 0666U && chmod(live.socket_path.c_str(), 0666) != 0) return;
  if (live.socket_ready_at) return;
  live.socket_ready_at = now();
  live.info.socket_is_ready = true;
  outbox_.send(encode(SocketReady{live.info.generation}));
}

void Generations::tick() {
  for (auto it = live_.begin(); it != live_.end();) {
    Live& live = it->second;
    look_for_socket(live);
    if (!live.is_gone || !live.shim_is_reaped) {
      ++it;
      continue;
    }
    for (int stream = 0; stream < 2; ++stream) read_output(live, stream);
    if (!live.socket_path.empty()) unlink(live.socket_path.c_str());
    it = live_.erase(it);
  }
}

Millis Generations::longest_wait() const {
  const bool waits_for_socket = std::any_of(live_.begin(), live_.end(), [](const auto& entry) {
    const Live& live = entry.second;
    return !live.socket_path.empty() &&
           (!live.socket_ready_at || now() - *live.socket_ready_at <= kSocketWatch);
  });
  return waits_for_socket ? kSocketPeriod : kLongestWait;
}

std::vector<std::uint64_t> Generations::leaving() const {
  std::vector<std::uint64_t> all;
  for (const auto& [generation, live] : live_) {
    if (live.is_reported && !live.is_gone) all.push_back(generation);
  }
  return all;
}

std::vector<pid_t> Generations::processes_of(std::uint64_t generation) const {
  const auto it = live_.find(generation);
  return it == live_.end() || it->second.is_gone ? std::vector<pid_t>{} : most_descendants_of(it->second.shim.pid);
}

std::vector<Running> Generations::running() const {
  std::vector<Running> all;
  for (const auto& [generation, live] : live_) {
    if (live.is_gone || live.is_reported) continue;
    all.push_back(live.info);
    all.back().age_ms =
        static_cast<std::uint64_t>(std::chrono::duration_cast<Millis>(now() - live.started).count());
  }
  return all;
}

}  // namespace sidestep::launch
