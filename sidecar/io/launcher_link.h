// The proxy's end of the connection to the launcher (sidestep-launch): who may speak as the launcher, what it
// reports, and what it is told. Decides nothing about generations; the driver does.
//
// Trust: the app lives in the launcher's container and could pose as it. The first connection gets a token;
// later ones must show it. A connection without it is let in only when no connection with it has been seen
// for `token_window`, which is so after a restart of the app container (the launcher is PID 1 there: without
// it no app is left to pose). Everything else is refused and counted.
//
// Sockets of generations lie in a folder that the app can write to, and it could put a link to a socket of
// ours in the place of its own. So each `socket_path` here is in a folder of ours (run/sockets, 0700) and
// leads to the very socket that was bound, from SocketReady until Gone.
//
// Calls made while no launcher is connected are dropped: LauncherUp says what runs, and the driver decides
// again. Threads: the control thread; events arrive in the loop's turns, never from within a call.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "lib/loop/event_loop.h"
#include "sidecar/core/memory_check.h"
#include "sidecar/core/types.h"

namespace sidestep::sidecar {

struct NamedFd {
  std::string name;  // for instance "listen 0.0.0.0:8080"
  UniqueFd fd;
};

struct ConfigPath {
  std::string path;      // file or folder, in the app's container
  bool is_live = false;  // true: {config} leads to the mounted path itself
};

struct SpawnOrder {
  Generation generation = Generation::kNone;
  std::vector<std::string>
      command;  // {port} and {generation} filled in; {socket} and {config} are the launcher's
  std::vector<std::string> env;              // "NAME=value", over the app container's own environment
  bool wants_socket = false;                 // listen: socket
  Generation config_of = Generation::kNone;  // whose snapshot to start from: its own, or the one it restarts
};

// ---- what the launcher reports ----

struct LauncherUp {
  struct Running {
    Generation generation = Generation::kNone;
    int pid = 0;
    Millis age{0};
    std::string socket_path;  // see above; empty without listen: socket
    bool socket_is_ready = false;
    Generation config_of = Generation::kNone;
    bool is_stopping = false;
    std::vector<std::string> command;
  };
  struct Snapshot {
    Generation generation = Generation::kNone;
    std::string hash;
  };
  std::vector<Running> running;
  std::vector<Generation> leaving;  // exited; Gone follows
  std::vector<Snapshot> snapshots;
  std::string record;                // what keep_record() gave to this launcher last; empty: nothing
  std::vector<NamedFd> listeners;    // duplicates of what keep_listeners() gave
  std::vector<std::string> command;  // what stands behind "--" in the app container
  bool term_seen = false;
  bool is_first = false;  // it had no token: its container has just started and nothing runs
  std::string version;
};
struct LauncherLost {};
struct Spawned {
  Generation generation = Generation::kNone;
  int pid = 0;
  std::string socket_path;
};
struct SpawnFailed {
  Generation generation = Generation::kNone;
  std::string message;  // names the path and the reason
};
// The program has ended; what it left behind is being ended, and Gone follows.
struct Exited {
  Generation generation = Generation::kNone;
  int status = 0;  // when signal is 0
  int signal = 0;
  bool forked_away = false;  // ended with 0, unasked, and left processes behind
  bool was_asked = false;    // after stop() or signal()
  bool out_of_memory = false;
  std::vector<std::string> output;  // last lines, at most 50
};
struct Gone {  // no process of the generation is left
  Generation generation = Generation::kNone;
};
struct OutputTail {
  Generation generation = Generation::kNone;
  std::vector<std::string> output;
};
struct ConfigTaken {
  Generation generation = Generation::kNone;
  std::string hash;   // "v1:sha256:…"; empty when there is an error
  std::string error;  // names the path and the fix; a spawn() with this snapshot fails too
};
struct SocketReady {  // the generation has bound its Unix socket: socket_path leads to it from now on
  Generation generation = Generation::kNone;
};
struct MemoryTold {  // after ask_memory()
  Generation generation = Generation::kNone;
  MemoryRoom room;
};
struct TermSeen {};  // SIGTERM at the launcher; it forwards nothing while we are connected

using LauncherEvent = std::variant<LauncherUp, LauncherLost, Spawned, SpawnFailed, Exited, Gone, OutputTail,
                                   ConfigTaken, SocketReady, MemoryTold, TermSeen>;

// Which content of a mount with kept copies a snapshot is made of: launch::Content.
enum class ConfigContent : std::uint8_t { kMounted, kKept, kStaged };

struct LauncherLinkSettings {
  std::string run_dir;  // run/launch.sock below it
  std::string token;    // from the journal; empty: none was given yet
  Millis token_window{1'000};
  Millis hello_timeout{2'000};  // for a connection that does not introduce itself
  Millis grace{30'000};         // of the pod: what the launcher reckons with when it finds no proxy
  // Below run_dir: where the ways to the sockets of generations are, of this worker alone.
  std::string socket_folder = "run/sockets";
};

struct LauncherState;  // io/worker_state.h

class LauncherLink {
 public:
  virtual ~LauncherLink() = default;

  // Makes run/ (0711) with the folders the app's user needs, and listens on run/launch.sock (0666): with
  // `listener` when an earlier worker left it and the path is still there.
  virtual Status start(UniqueFd listener) = 0;
  // What another worker needs to go on listening; -1 before start().
  virtual int listener() const = 0;
  virtual bool is_up() const = 0;
  // To be kept in the journal before anything is spawned. Constant for the life of the link.
  virtual const std::string& token() const = 0;
  // Connections turned away: no token, wrong token, another major version, broken frames.
  virtual std::uint64_t refused() const = 0;

  // snapshot() then spawn() with config_of in the same turn: they are done in order.
  virtual void snapshot(Generation generation, const std::vector<ConfigPath>& sources,
                        ConfigContent content) = 0;
  virtual void drop_snapshot(Generation generation) = 0;
  virtual void spawn(const SpawnOrder& order) = 0;
  virtual void signal(Generation generation, int number) = 0;  // to its process group
  virtual void stop(Generation generation,
                    Millis kill_after) = 0;  // SIGTERM, then SIGKILL to every descendant
  virtual void ask_tail(Generation generation) = 0;
  // False: no launcher is up, or it is one that cannot say (of the first release). True: MemoryTold follows,
  // unless the launcher is lost before.
  virtual bool ask_memory(Generation active) = 0;
  virtual void keep_listeners(
      const std::vector<std::pair<std::string, int>>& named) = 0;  // duplicates are sent
  virtual void keep_record(const std::string& record) = 0;         // at most 256 KiB
  virtual void exit_with(int status) = 0;                          // ends the launcher, and what still runs

  // ---- between two workers: only one speaks with the launcher ----

  // Nothing is read until resume(); whoever has just connected waits.
  virtual void pause() = 0;
  virtual void resume() = 0;
  // What the next worker goes on with, and its descriptors in the order that the state says. The error says
  // that the launcher is in the middle of something. REQUIRES: paused.
  virtual Result<std::vector<UniqueFd>> hand_over(LauncherState& state) const = 0;
  // The other side: in place of start(), which it includes. Reports nothing, reads nothing before resume().
  // The error says what does not add up.
  virtual Status go_on(const LauncherState& state, UniqueFd listener, std::vector<UniqueFd> descriptors) = 0;
  // Another worker speaks with the launcher: nothing is read, sent or reported here any more.
  virtual void release() = 0;
  // The socket that a generation has bound (O_PATH); -1: none.
  virtual int pinned(Generation generation) const = 0;
  // The same, of a generation that another worker started.
  virtual void pin(Generation generation, UniqueFd socket) = 0;
};

std::unique_ptr<LauncherLink> make_launcher_link(EventLoop& loop, LauncherLinkSettings settings,
                                                 std::function<void(LauncherEvent)> on_event);

}  // namespace sidestep::sidecar
