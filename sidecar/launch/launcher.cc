#include "sidecar/launch/launcher.h"

#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "sidecar/launch/memory.h"

namespace sidestep::launch {

namespace {

constexpr Millis kKillWait{3'000};  // for the kernel to end what was killed
constexpr Millis kOutputWait{200};  // for our reader to take the last lines

std::string snapshot_folder(const LaunchOptions& options) {
  if (!options.config_dir.empty()) return options.config_dir;
  const std::string usual = "/run/sidestep-config";
  if (access(usual.c_str(), W_OK) == 0) return usual;
  return options.run_dir + "/run/config/u" + std::to_string(geteuid());
}

}  // namespace

Launcher::Launcher(LaunchOptions options, UniqueFd signals)
    : options_(std::move(options)),
      signals_(std::move(signals)),
      connection_(options_.socket, *this),
      generations_(connection_, out_, err_),
      snapshots_(snapshot_folder(options_), options_.snapshots, options_.pins) {
  end_.lost_at = now();
}

void Launcher::say(const std::string& text) { err_.write("sidestep-launch: " + text + "\n"); }

int Launcher::run() {
  while (!exit_status_) turn();
  return end(*exit_status_);
}

Millis Launcher::wait_time() const {
  Millis wait = std::min(connection_.longest_wait(), generations_.longest_wait());
  if (decision_.look_at) wait = std::min(wait, std::chrono::ceil<Millis>(*decision_.look_at - now()));
  return std::max(wait, Millis{0});
}

void Launcher::turn() {
  connection_.tick();
  PollSet set;
  set.add(signals_.get(), POLLIN, [this] { read_signals(); });
  generations_.watch(set);
  connection_.watch(set);
  for (OutputSink* sink : {&out_, &err_}) {
    if (sink->has_pending()) set.add(sink->fd(), POLLOUT, [sink] { sink->flush(); });
  }
  set.wait(wait_time());
  generations_.tick();
  follow_end_policy();
}

void Launcher::read_signals() {
  signalfd_siginfo info{};
  while (read(signals_.get(), &info, sizeof info) == static_cast<ssize_t>(sizeof info)) {
    if (info.ssi_signo == SIGCHLD || end_.term_at) continue;
    end_.term_at = now();
    connection_.send(encode(TermSeen{}));
  }
  generations_.reap();
}

void Launcher::follow_end_policy() {
  end_.is_connected = connection_.is_ready();
  end_.is_empty = generations_.is_empty();
  decision_ = decide_end(options_.end, end_, now());
  if (decision_.act == EndDecision::kExit) exit_status_ = generations_.last_status().value_or(0);
  if (decision_.act != EndDecision::kStopAll) return;
  say(end_.term_at ? "SIGTERM, and no proxy says when: the app is stopped"
                   : "no proxy came back: the app is stopped");
  end_.is_stopping = true;
  generations_.stop_all(decision_.kill_after);
}

int Launcher::end(int status) {
  generations_.stop_all(Millis{0});
  const TimePoint last = now() + kKillWait;
  while (!generations_.is_empty() && now() < last) {
    PollSet set;
    set.add(signals_.get(), POLLIN, [this] { read_signals(); });
    generations_.watch(set);
    set.wait(Millis{50});
    generations_.tick();
  }
  const TimePoint output_last = now() + kOutputWait;
  while ((out_.has_pending() || err_.has_pending()) && now() < output_last) {
    PollSet set;
    for (OutputSink* sink : {&out_, &err_}) {
      if (sink->has_pending()) set.add(sink->fd(), POLLOUT, [sink] { sink->flush(); });
    }
    set.wait(Millis{50});
  }
  return status;
}

std::string Launcher::hello() {
  Hello hello;
  hello.features = {"socket", "snapshot", "kept-listeners", "memory", "pins"};
  hello.program_version = SIDESTEP_VERSION;
  hello.token = token_;
  hello.pid = static_cast<std::uint64_t>(getpid());
  hello.command = options_.command;
  return encode(hello);
}

void Launcher::on_lost() {
  end_.lost_at = now();
  end_.is_connected = false;
}

template <typename T>
void Launcher::handle(const Frame& frame) {
  const auto message = decode<T>(frame);
  if (!message) return refuse(frame.type, "its fields do not add up");
  obey(*message);
}

void Launcher::refuse(Type type, const std::string& reason) {
  connection_.send(encode(Refusal{static_cast<std::uint64_t>(type), reason}));
}

void Launcher::on_frame(const Frame& frame, std::vector<UniqueFd>& fds) {
  arrived_ = &fds;
  const bool is_greeting = frame.type == Type::kWelcome || frame.type == Type::kRefusal;
  if (!is_greeting && !connection_.is_ready()) return connection_.close();
  switch (frame.type) {
    case Type::kWelcome:
      return handle<Welcome>(frame);
    case Type::kRefusal:
      return handle<Refusal>(frame);
    case Type::kSpawn:
      return handle<Spawn>(frame);
    case Type::kSignal:
      return handle<Signal>(frame);
    case Type::kStop:
      return handle<Stop>(frame);
    case Type::kKeepListeners:
      return handle<KeepListeners>(frame);
    case Type::kKeepRecord:
      return handle<KeepRecord>(frame);
    case Type::kSnapshot:
      return handle<Snapshot>(frame);
    case Type::kDropSnapshot:
      return handle<DropSnapshot>(frame);
    case Type::kExitWith:
      return handle<ExitWith>(frame);
    case Type::kAskTail:
      return handle<AskTail>(frame);
    case Type::kAskMemory:
      return handle<AskMemory>(frame);
    case Type::kHello:
    case Type::kState:
    case Type::kSpawned:
    case Type::kSpawnFailed:
    case Type::kExited:
    case Type::kGone:
    case Type::kTailReport:
    case Type::kConfigHash:
    case Type::kTermSeen:
    case Type::kSocketReady:
    case Type::kMemoryReport:
      break;
  }
  refuse(frame.type, "unknown command " + std::to_string(static_cast<unsigned>(frame.type)));
}

void Launcher::obey(const Welcome& welcome) {
  if (welcome.major != kMajor) {
    say("the proxy speaks protocol " + std::to_string(welcome.major) + ", this launcher " +
        std::to_string(kMajor));
    return connection_.close();
  }
  token_ = welcome.token;
  if (welcome.grace_ms != 0) options_.end.grace = Millis{static_cast<std::int64_t>(welcome.grace_ms)};
  last_refusal_.clear();
  send_state();
  connection_.set_ready();
}

void Launcher::obey(const Refusal& refusal) {
  if (connection_.is_ready()) return say("the proxy refused a report: " + refusal.reason);
  if (refusal.reason != last_refusal_) say("the proxy refuses this launcher: " + refusal.reason);
  last_refusal_ = refusal.reason;
  connection_.close();
}

void Launcher::send_state() {
  State state;
  state.running = generations_.running();
  state.snapshots = snapshots_.list();
  state.record = record_;
  state.term_seen = end_.term_at.has_value();
  state.leaving = generations_.leaving();
  std::vector<int> fds;
  for (const auto& [name, fd] : listeners_) {
    state.names.push_back(name);
    fds.push_back(fd.get());
  }
  connection_.send_now(encode(state), fds);
}

void Launcher::obey(const Spawn& order) {
  const std::uint64_t config = order.config_generation;
  generations_.spawn(order, {options_.run_dir, config == 0 ? std::nullopt : snapshots_.config_path(config)});
}

void Launcher::obey(const Signal& order) {
  generations_.signal(order.generation, static_cast<int>(std::min<std::uint64_t>(order.number, 255)));
}

void Launcher::obey(const Stop& order) {
  constexpr std::uint64_t kDay = 86'400'000;
  generations_.stop(order.generation, Millis{static_cast<std::int64_t>(std::min(order.kill_after_ms, kDay))});
}

void Launcher::obey(const KeepListeners& order) {
  if (order.names.size() > kMaxListeners || arrived_->size() < order.names.size()) {
    return refuse(Type::kKeepListeners, "names and descriptors do not match");
  }
  listeners_.clear();
  for (std::size_t i = 0; i < order.names.size(); ++i)
    listeners_.emplace_back(order.names[i], std::move((*arrived_)[i]));
  arrived_->erase(arrived_->begin(), arrived_->begin() + static_cast<std::ptrdiff_t>(order.names.size()));
}

void Launcher::obey(const KeepRecord& order) {
  if (order.record.size() > kMaxRecordBytes) return refuse(Type::kKeepRecord, "larger than 256 KiB");
  record_ = order.record;
}

void Launcher::obey(const Snapshot& order) {
  const auto most = static_cast<std::uint64_t>(Content::kStaged);
  if (order.content > most) return refuse(Type::kSnapshot, "a content that this launcher does not know");
  connection_.send(
      encode(snapshots_.take(order.generation, order.sources, static_cast<Content>(order.content))));
}
void Launcher::obey(const DropSnapshot& order) { snapshots_.drop(order.generation); }
void Launcher::obey(const ExitWith& order) { exit_status_ = static_cast<int>(order.status & 255U); }
void Launcher::obey(const AskTail& order) { generations_.send_tail(order.generation); }

void Launcher::obey(const AskMemory& order) {
  const MemoryRoom room = read_memory_room(options_.system_root);
  connection_.send(
      encode(MemoryReport{order.generation, room.limit.has_value(), room.limit.value_or(0), room.used,
                          resident_bytes(generations_.processes_of(order.generation))}));
}

}  // namespace sidestep::launch
