#include "sidecar/io/launcher_link.h"

#include <sys/epoll.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <optional>

#include "lib/base/log.h"
#include "sidecar/io/frame_peer.h"
#include "sidecar/io/launcher_reports.h"
#include "sidecar/io/pinned_sockets.h"
#include "sidecar/io/worker_state.h"

namespace sidestep::sidecar {

namespace {

constexpr std::size_t kMaxStrangers = 8;  // connections that have not shown who they are

std::uint64_t wire(Generation generation) { return number(generation); }

std::string random_token() {
  unsigned char bytes[16] = {};
  if (getrandom(bytes, sizeof bytes, 0) != static_cast<ssize_t>(sizeof bytes)) return {};
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string token;
  for (const unsigned char byte : bytes) token += {kDigits[byte >> 4U], kDigits[byte & 15U]};
  return token;
}

// Takes the same time wherever the first difference is.
bool same_secret(const std::string& a, const std::string& b) {
  unsigned difference = a.size() == b.size() ? 0 : 1;
  for (std::size_t i = 0; i < std::min(a.size(), b.size()); ++i) {
    difference |= static_cast<unsigned char>(a[i]) ^ static_cast<unsigned char>(b[i]);
  }
  return difference == 0;
}

Status make_folder(const std::string& path, mode_t mode) {
  if (mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) return system_error("make folder " + path, errno);
  struct stat info {};
  if (stat(path.c_str(), &info) == 0 && (info.st_mode & 07777U) == mode) return {};
  if (chmod(path.c_str(), mode) != 0) return system_error("set the mode of folder " + path, errno);
  return {};
}

class Link final : public LauncherLink, public FramePeer::Owner, public IoHandler {
 public:
  Link(EventLoop& loop, LauncherLinkSettings settings, std::function<void(LauncherEvent)> on_event)
      : loop_(loop),
        settings_(std::move(settings)),
        on_event_(std::move(on_event)),
        was_given_(!settings_.token.empty()),
        token_(was_given_ ? settings_.token : random_token()),
        sweep_([this] { sweep(); }),
        sockets_(settings_.run_dir, settings_.socket_folder) {}
  ~Link() override { loop_.remove(listener_.get()); }

  Status start(UniqueFd listener) override;
  int listener() const override { return listener_.get(); }
  bool is_up() const override { return is_up_; }
  const std::string& token() const override { return token_; }
  std::uint64_t refused() const override { return refused_; }

  void snapshot(Generation generation, const std::vector<ConfigPath>& sources,
                ConfigContent content) override;
  void drop_snapshot(Generation generation) override { tell(launch::DropSnapshot{wire(generation)}); }
  void spawn(const SpawnOrder& order) override;
  void signal(Generation generation, int number) override;
  void stop(Generation generation, Millis kill_after) override;
  void ask_tail(Generation generation) override { tell(launch::AskTail{wire(generation)}); }
  bool ask_memory(Generation active) override;
  void keep_listeners(const std::vector<std::pair<std::string, int>>& named) override;
  void keep_record(const std::string& record) override { tell(launch::KeepRecord{record}); }
  void exit_with(int status) override { tell(launch::ExitWith{static_cast<std::uint64_t>(status)}); }

  void pause() override;
  void resume() override;
  Result<std::vector<UniqueFd>> hand_over(LauncherState& state) const override;
  Status go_on(const LauncherState& state, UniqueFd listener, std::vector<UniqueFd> descriptors) override;
  void release() override;
  int pinned(Generation generation) const override;
  void pin(Generation generation, UniqueFd socket) override;

 private:
  // Somebody who has connected and is not (yet) taken for the launcher.
  struct Stranger {
    std::unique_ptr<FramePeer> peer;
    TimePoint since;
    std::optional<launch::Hello> hello;  // shown, without a token: waits for the window to pass
  };

  void on_io(std::uint32_t events) override;
  void on_frame(FramePeer& peer, const launch::Frame& frame) override;
  void on_closed(FramePeer& peer) override;

  void greet(FramePeer& peer, const launch::Frame& frame);
  void welcome(FramePeer& peer, launch::Hello hello);
  void refuse(FramePeer& peer, const std::string& reason);
  std::unique_ptr<FramePeer> take_stranger(const FramePeer& peer);
  void lose();
  void sweep();
  void report(const launch::Frame& frame);
  Status make_folders();
  Status listen(UniqueFd listener);
  std::string sockets() const { return settings_.run_dir + "/" + settings_.socket_folder; }
  void came_up(launch::State state);
  void socket_ready(std::uint64_t generation);

  template <typename T>
  void tell(const T& message, std::vector<UniqueFd> fds = {}) {
    if (is_up_) launcher_->send(launch::encode(message), std::move(fds));
  }

  EventLoop& loop_;
  LauncherLinkSettings settings_;
  std::function<void(LauncherEvent)> on_event_;
  UniqueFd listener_;
  bool was_given_;  // some launcher has the token
  std::string token_;
  TimePoint last_seen_{};  // start, or when the launcher was lost
  std::vector<Stranger> strangers_;
  std::unique_ptr<FramePeer> launcher_;
  launch::Hello hello_;
  bool is_up_ = false;  // its State has come
  std::uint64_t refused_ = 0;
  FunctionTimer sweep_;
  PinnedSockets sockets_;
  std::string unread_, unsent_;  // of an earlier worker, until resume()
};

Status Link::make_folders() {
  const std::string run = settings_.run_dir + "/run";
  if (Status made = make_folder(run, 0711); !made) return made;
  if (Status made = make_folder(run + "/app", 01777); !made) return made;
  if (Status made = make_folder(run + "/config", 01777); !made) return made;
  return make_folder(sockets(), 0700);
}

Status Link::listen(UniqueFd left) {
  const std::string path = settings_.run_dir + "/run/launch.sock";
  struct stat info {};
  listener_ = std::move(left);
  if (!listener_ || lstat(path.c_str(), &info) != 0 || !S_ISSOCK(info.st_mode)) {
    listener_.reset();
    auto listener = listen_unix(path, 0666);
    if (!listener) return listener.error();
    listener_ = std::move(*listener);
  }
  last_seen_ = loop_.now();
  return {};
}

Status Link::start(UniqueFd left) {
  if (Status made = make_folders(); !made) return made;
  sockets_.clear();
  if (Status listens = listen(std::move(left)); !listens) return listens;
  if (!loop_.add(listener_.get(), EPOLLIN, this))
    return system_error("watch " + settings_.run_dir + "/run/launch.sock", errno);
  return {};
}

void Link::on_io(std::uint32_t /*events*/) {
  while (UniqueFd socket = accept_connection(listener_.get())) {
    if (strangers_.size() >= kMaxStrangers) {
      ++refused_;
      continue;
    }
    strangers_.push_back({std::make_unique<FramePeer>(loop_, std::move(socket), *this), loop_.now(), {}});
    if (!sweep_.is_armed()) loop_.arm(sweep_, settings_.hello_timeout);
  }
}

std::unique_ptr<FramePeer> Link::take_stranger(const FramePeer& peer) {
  const auto it = std::find_if(strangers_.begin(), strangers_.end(),
                               [&](const Stranger& s) { return s.peer.get() == &peer; });
  if (it == strangers_.end()) return nullptr;
  auto taken = std::move(it->peer);
  strangers_.erase(it);
  return taken;
}

void Link::refuse(FramePeer& peer, const std::string& reason) {
  ++refused_;
  log::warn("refused a connection that poses as the launcher", {{"reason", reason}, {"refused", refused_}});
  peer.send(launch::encode(launch::Refusal{static_cast<std::uint64_t>(launch::Type::kHello), reason}));
  peer.close();
  if (auto taken = take_stranger(peer)) loop_.destroy_later(std::move(taken));
}

void Link::on_frame(FramePeer& peer, const launch::Frame& frame) {
  if (&peer == launcher_.get()) return report(frame);
  greet(peer, frame);
}

void Link::greet(FramePeer& peer, const launch::Frame& frame) {
  if (frame.type != launch::Type::kHello) return refuse(peer, "the first message is not a hello");
  const auto hello = launch::decode<launch::Hello>(frame);
  if (!hello) return refuse(peer, "a hello that cannot be read");
  if (hello->major != launch::kMajor) {
    return refuse(peer, "launcher " + hello->program_version + " speaks protocol " +
                            std::to_string(hello->major) + ", this proxy " + std::to_string(launch::kMajor) +
                            ": use programs of one major version");
  }
  if (!was_given_) return welcome(peer, *hello);
  if (!hello->token.empty()) {
    return same_secret(hello->token, token_) ? welcome(peer, *hello) : refuse(peer, "wrong token");
  }
  if (launcher_ != nullptr) return refuse(peer, "no token, and the launcher is connected");
  for (Stranger& stranger : strangers_) {
    if (stranger.peer.get() == &peer) stranger.hello = *hello;
  }
  sweep();
}

void Link::welcome(FramePeer& peer, launch::Hello hello) {
  if (launcher_ != nullptr) lose();
  launcher_ = take_stranger(peer);
  was_given_ = true;
  hello_ = std::move(hello);
  launch::Welcome answer;
  answer.features = {"socket", "snapshot", "kept-listeners"};
  answer.token = token_;
  answer.grace_ms = static_cast<std::uint64_t>(settings_.grace.count());
  launcher_->send(launch::encode(answer));
}

// Ends who says nothing, and lets in who waited without a token while no launcher showed one.
void Link::sweep() {
  std::optional<TimePoint> next;
  std::vector<FramePeer*> late, let_in;
  for (const Stranger& stranger : strangers_) {
    const TimePoint due =
        stranger.hello ? last_seen_ + settings_.token_window : stranger.since + settings_.hello_timeout;
    if (due > loop_.now())
      next = next ? std::min(*next, due) : due;
    else
      (stranger.hello ? let_in : late).push_back(stranger.peer.get());
  }
  for (FramePeer* peer : late) refuse(*peer, "no hello");
  for (FramePeer* peer : let_in) {
    if (launcher_ != nullptr)
      refuse(*peer, "no token, and the launcher is connected");
    else
      welcome(*peer, *std::find_if(strangers_.begin(), strangers_.end(), [&](const Stranger& s) {
                        return s.peer.get() == peer;
                      })->hello);
  }
  if (next) loop_.arm_at(sweep_, *next);
}

void Link::on_closed(FramePeer& peer) {
  if (&peer == launcher_.get()) return lose();
  if (auto taken = take_stranger(peer)) loop_.destroy_later(std::move(taken));
}

void Link::lose() {
  launcher_->close();
  loop_.destroy_later(std::move(launcher_));
  last_seen_ = loop_.now();
  if (std::exchange(is_up_, false)) on_event_(LauncherLost{});
  sweep();
}

void Link::came_up(launch::State state) {
  auto fds = launcher_->take_fds(state.names.size());
  LauncherUp up = read_state(state, sockets());
  for (std::size_t i = 0; i < fds.size(); ++i) up.listeners.push_back({state.names[i], std::move(fds[i])});
  up.command = hello_.command;
  up.is_first = hello_.token.empty();
  up.version = hello_.program_version;
  is_up_ = true;
  on_event_(std::move(up));
  for (const launch::Running& one : state.running) {
    if (one.socket_is_ready) socket_ready(one.generation);
  }
}

void Link::socket_ready(std::uint64_t generation) {
  if (const Status pinned = sockets_.pin(generation); !pinned) {
    log::warn("generation not reachable", {{"generation", generation}, {"error", pinned.error().detail}});
    return;
  }
  on_event_(SocketReady{static_cast<Generation>(generation)});
}

void Link::report(const launch::Frame& frame) {
  if (frame.type == launch::Type::kState) {
    auto state = launch::decode<launch::State>(frame);
    return state ? came_up(std::move(*state)) : lose();
  }
  if (!is_up_) return lose();
  if (frame.type == launch::Type::kSocketReady) {
    const auto ready = launch::decode<launch::SocketReady>(frame);
    return ready ? socket_ready(ready->generation) : lose();
  }
  ReadReport read = read_report(frame, sockets());
  if (read.is_broken) {
    log::warn("launcher broke the protocol", {{"type", static_cast<int>(frame.type)}});
    return lose();
  }
  if (!read.event) return;
  if (const auto* gone = std::get_if<Gone>(&*read.event)) sockets_.forget(number(gone->generation));
  on_event_(std::move(*read.event));
}

void Link::snapshot(Generation generation, const std::vector<ConfigPath>& sources, ConfigContent content) {
  launch::Snapshot order;
  order.content = static_cast<std::uint64_t>(content);
  order.generation = wire(generation);
  for (const ConfigPath& source : sources) order.sources.push_back({source.path, source.is_live});
  tell(order);
}

void Link::spawn(const SpawnOrder& order) {
  tell(launch::Spawn{wire(order.generation), order.command, order.env, order.wants_socket,
                     wire(order.config_of)});
}

void Link::signal(Generation generation, int number) {
  tell(launch::Signal{wire(generation), static_cast<std::uint64_t>(number)});
}

void Link::stop(Generation generation, Millis kill_after) {
  tell(launch::Stop{wire(generation),
                    static_cast<std::uint64_t>(std::max<Millis::rep>(kill_after.count(), 0))});
}

bool Link::ask_memory(Generation active) {
  const auto& features = hello_.features;
  const bool can_say = is_up_ && std::find(features.begin(), features.end(), "memory") != features.end();
  if (can_say) tell(launch::AskMemory{wire(active)});
  return can_say;
}

void Link::keep_listeners(const std::vector<std::pair<std::string, int>>& named) {
  launch::KeepListeners order;
  std::vector<UniqueFd> copies;
  for (const auto& [name, fd] : named) {
    order.names.push_back(name);
    copies.push_back(duplicate(fd));
  }
  tell(order, std::move(copies));
}

// ---- between two workers ----

void Link::pause() {
  loop_.remove(listener_.get());
  loop_.cancel(sweep_);
  if (launcher_) launcher_->pause();
  for (Stranger& stranger : strangers_) stranger.peer->pause();
}

void Link::resume() {
  if (listener_) loop_.add(listener_.get(), EPOLLIN, this);
  if (launcher_) launcher_->resume();
  for (Stranger& stranger : strangers_) stranger.peer->resume();
  sweep();
  if (launcher_) launcher_->go_on(std::exchange(unread_, {}), std::exchange(unsent_, {}));
}

// A launcher that has not said yet what runs is not handed over: it connects anew.
Result<std::vector<UniqueFd>> Link::hand_over(LauncherState& state) const {
  std::vector<UniqueFd> descriptors;
  state.token = token_;
  state.was_given = was_given_;
  state.refused = refused_;
  state.is_up = is_up_;
  state.features = hello_.features;
  if (is_up_) {
    if (!launcher_->can_move()) return unavailable("the launcher does not take what it is told; try again");
    FramePeer::Moved moved = launcher_->copy();
    state.unread = std::move(moved.unread);
    state.unsent = std::move(moved.unsent);
    descriptors.push_back(std::move(moved.socket));
  }
  for (const auto& [generation, socket] : sockets_.all()) {
    state.pinned.push_back(generation);
    descriptors.push_back(duplicate(socket.get()));
  }
  const auto missing = [](const UniqueFd& fd) { return !fd; };
  if (std::any_of(descriptors.begin(), descriptors.end(), missing))
    return system_error("duplicate a descriptor for the new worker", errno);
  return descriptors;
}

Status Link::go_on(const LauncherState& state, UniqueFd left, std::vector<UniqueFd> descriptors) {
  if (descriptors.size() != state.pinned.size() + (state.is_up ? 1 : 0))
    return invalid("handover: " + std::to_string(descriptors.size()) + " descriptors of the launcher came, " +
                   std::to_string(state.pinned.size() + (state.is_up ? 1 : 0)) + " were announced");
  if (Status made = make_folders(); !made) return made;
  sockets_.clear();
  std::size_t next = 0;
  if (state.is_up) {
    launcher_ = std::make_unique<FramePeer>(loop_, std::move(descriptors[next++]), *this);
    launcher_->pause();
    unread_ = state.unread;
    unsent_ = state.unsent;
  }
  for (const std::uint64_t generation : state.pinned) {
    if (Status pinned = sockets_.adopt(generation, std::move(descriptors[next++])); !pinned) return pinned;
  }
  token_ = state.token;
  was_given_ = state.was_given;
  refused_ = state.refused;
  is_up_ = state.is_up;
  hello_.features = state.features;
  return listen(std::move(left));
}

void Link::release() {
  loop_.remove(listener_.get());
  listener_.reset();
  loop_.cancel(sweep_);
  strangers_.clear();
  is_up_ = false;
  if (!launcher_) return;
  launcher_->forget();
  loop_.destroy_later(std::move(launcher_));
}

int Link::pinned(Generation generation) const {
  const auto it = sockets_.all().find(wire(generation));
  return it == sockets_.all().end() ? -1 : it->second.get();
}

void Link::pin(Generation generation, UniqueFd socket) {
  if (const Status pinned = sockets_.adopt(wire(generation), std::move(socket)); !pinned)
    log::warn("generation not reachable",
              {{"generation", number(generation)}, {"error", pinned.error().detail}});
}

}  // namespace

std::unique_ptr<LauncherLink> make_launcher_link(EventLoop& loop, LauncherLinkSettings settings,
                                                 std::function<void(LauncherEvent)> on_event) {
  return std::make_unique<Link>(loop, std::move(settings), std::move(on_event));
}

}  // namespace sidestep::sidecar
