// What the launcher and the proxy say to each other: one struct per message, and what each field means. The
// encoding (frames and fields) is in wire.h.
//
// The launcher connects and sends Hello; the proxy answers Welcome or Refusal; then the launcher sends State,
// and after that both speak when they have something to say. Unknown fields are ignored and missing ones keep
// their default, so that both sides may grow within a major version; a command of unknown type is refused.
// Descriptors travel with the first byte of their frame (SCM_RIGHTS), as many as `names`.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "sidecar/launch/wire.h"

namespace sidestep::launch {

constexpr std::uint64_t kMajor = 1;  // another one is refused
constexpr std::uint64_t kMinor = 2;  // grows with what is added; "features" say what there is
constexpr std::size_t kMaxRecordBytes = 256U << 10U;
constexpr std::size_t kMaxListeners = 64;

enum class Type : std::uint16_t {
  // launcher → proxy
  kHello = 1,
  kState = 2,
  kSpawned = 3,
  kSpawnFailed = 4,
  kExited = 5,
  kGone = 6,
  kTailReport = 7,
  kConfigHash = 8,
  kTermSeen = 9,
  kSocketReady = 10,
  kMemoryReport = 11,
  // proxy → launcher
  kWelcome = 64,
  kSpawn = 65,
  kSignal = 66,
  kStop = 67,
  kKeepListeners = 68,
  kKeepRecord = 69,
  kSnapshot = 70,
  kDropSnapshot = 71,
  kExitWith = 72,
  kAskTail = 73,
  kAskMemory = 74,
  // both
  kRefusal = 128,
};

// ---- launcher → proxy ----

struct Hello {
  static constexpr Type kType = Type::kHello;
  std::uint64_t major = kMajor;
  std::uint64_t minor = kMinor;
  std::vector<std::string> features;
  std::string program_version;
  std::string token;  // empty: this launcher has not been given one
  std::uint64_t pid = 0;
  std::vector<std::string> command;  // what stood behind "--"; placeholders not filled in

  template <typename Self, typename F>
  static void fields(Self& s, F&& f) {
    f(1, s.major), f(2, s.minor), f(3, s.features), f(4, s.program_version), f(5, s.token), f(6, s.pid),
        f(7, s.command);
  }
};

struct Running {
  std::uint64_t generation = 0;
  std::uint64_t pid = 0;     // of the program itself; 0 once it has ended
  std::uint64_t age_ms = 0;  // since it was started
  std::string socket;        // below the run folder; empty without listen: socket
  bool socket_is_ready = false;
  std::uint64_t config_generation = 0;
  bool is_stopping = false;
  std::vector<std::string> argv;  // as it was ordered

  template <typename Self, typename F>
  static void fields(Self& s, F&& f) {
    f(1, s.generation), f(2, s.pid), f(3, s.age_ms), f(4, s.socket), f(5, s.socket_is_ready);
    f(6, s.config_generation), f(7, s.is_stopping), f(8, s.argv);
  }
};

struct SnapshotInfo {
  std::uint64_t generation = 0;
  std::string hash;

  template <typename Self, typename F>
  static void fields(Self& s, F&& f) {
    f(1, s.generation), f(2, s.hash);
  }
};

// What is so at this moment; exits that no proxy was told of come as Exited right after it.
struct State {
  static constexpr Type kType = Type::kState;
  std::vector<Running> running;
  std::vector<SnapshotInfo> snapshots;
  std::string record;              // what KeepRecord brought last
  std::vector<std::string> names;  // of the listeners that come with this frame, in order
  bool term_seen = false;
  std::vector<std::uint64_t> leaving;  // their program has ended, and some process of theirs has not (1.1)

  template <typename Self, typename F>
  static void fields(Self& s, F&& f) {
    f(1, s.running), f(2, s.snapshots), f(3, s.record), f(4, s.names), f(5, s.term_seen), f(6, s.leaving);
  }
};

struct Spawned {
  static constexpr Type kType = Type::kSpawned;
  std::uint64_t generation = 0;
  std::uint64_t pid = 0;
  std::string socket;  // below the run folder; empty without listen: socket

  template <typename Self, typename F>
  static void fields(Self& s, F&& f) {
    f(1, s.generation), f(2, s.pid), f(3, s.socket);
  }
};

struct SpawnFailed {
  static constexpr Type kType = Type::kSpawnFailed;
  std::uint64_t generation = 0;
  std::string message;  // names the path and the reason
  std::uint64_t error_number = 0;

  template <typename Self, typename F>
  static void fields(Self& s, F&& f) {
    f(1, s.generation), f(2, s.message), f(3, s.error_number);
  }
};

// The program itself has ended. What it left behind is being ended too; Gone follows.
struct Exited {
  static constexpr Type kType = Type::kExited;
  std::uint64_t generation = 0;
  std::uint64_t status = 0;  // when signal is 0
  std::uint64_t signal = 0;
  bool forked_away = false;    // ended with 0, without being asked to, and left processes behind
  bool was_asked = false;      // after Stop or Signal
  bool out_of_memory = false;  // a guess: SIGKILL that we did not send, while the cgroup counted an OOM kill
  std::vector<std::string> output;  // last lines

  template <typename Self, typename F>
  static void fields(Self& s, F&& f) {
    f(1, s.generation), f(2, s.status), f(3, s.signal), f(4, s.forked_away), f(5, s.was_asked);
    f(6, s.out_of_memory), f(7, s.output);
  }
};

// No process of the generation is left.
struct Gone {
  static constexpr Type kType = Type::kGone;
  std::uint64_t generation = 0;

  template <typename Self, typename F>
  static void fields(Self& s, F&& f) {
    f(1, s.generation);
  }
};

struct TailReport {
  static constexpr Type kType = Type::kTailReport;
  std::uint64_t generation = 0;
  std::vector<std::string> output;

  template <typename Self, typename F>
  static void fields(Self& s, F&& f) {
    f(1, s.generation), f(2, s.output);
  }
};

struct ConfigHash {
  static constexpr Type kType = Type::kConfigHash;
  std::uint64_t generation = 0;
  std::string hash;   // "v1:sha256:…"; empty when there is an error
  std::string error;  // names the path and the fix

  template <typename Self, typename F>
  static void fields(Self& s, F&& f) {
    f(1, s.generation), f(2, s.hash), f(3, s.error);
  }
};

// The launcher got SIGTERM. It passes nothing on by itself while a proxy is connected.
struct TermSeen {
  static constexpr Type kType = Type::kTermSeen;
  template <typename Self, typename F>
  static void fields(Self&, F&&) {}
};

// The generation has bound its socket, and the proxy may connect to it.
struct SocketReady {
  static constexpr Type kType = Type::kSocketReady;
  std::uint64_t generation = 0;

  template <typename Self, typename F>
  static void fields(Self& s, F&& f) {
    f(1, s.generation);
  }
};

// Answers AskMemory.
struct MemoryReport {
  static constexpr Type kType = Type::kMemoryReport;
  std::uint64_t generation = 0;
  bool has_limit = false;      // the container has one; the next two mean nothing without it
  std::uint64_t limit = 0;     // bytes; of the tightest cgroup up to the root
  std::uint64_t used = 0;      // bytes, without what can be reclaimed at once
  std::uint64_t resident = 0;  // bytes of all processes of the generation; 0: none was found

  template <typename Self, typename F>
  static void fields(Self& s, F&& f) {
    f(1, s.generation), f(2, s.has_limit), f(3, s.limit), f(4, s.used), f(5, s.resident);
  }
};

// ---- proxy → launcher ----

struct Welcome {
  static constexpr Type kType = Type::kWelcome;
  std::uint64_t major = kMajor;
  std::uint64_t minor = kMinor;
  std::vector<std::string> features;
  std::string token;           // to be shown at the next connection
  std::uint64_t grace_ms = 0;  // of the pod; 0: unknown

  template <typename Self, typename F>
  static void fields(Self& s, F&& f) {
    f(1, s.major), f(2, s.minor), f(3, s.features), f(4, s.token), f(5, s.grace_ms);
  }
};

struct Spawn {
  static constexpr Type kType = Type::kSpawn;
  std::uint64_t generation = 0;
  std::vector<std::string> argv;        // {socket} and {config} still in it
  std::vector<std::string> env;         // "NAME=value", over the launcher's own; the same two placeholders
  bool wants_socket = false;            // make a path for {socket} and $SIDESTEP_SOCKET
  std::uint64_t config_generation = 0;  // whose snapshot {config} and $SIDESTEP_CONFIG are; 0: none

  template <typename Self, typename F>
  static void fields(Self& s, F&& f) {
    f(1, s.generation), f(2, s.argv), f(3, s.env), f(4, s.wants_socket), f(5, s.config_generation);
  }
};

// To the program and its process group, once.
struct Signal {
  static constexpr Type kType = Type::kSignal;
  std::uint64_t generation = 0;
  std::uint64_t number = 0;

  template <typename Self, typename F>
  static void fields(Self& s, F&& f) {
    f(1, s.generation), f(2, s.number);
  }
};

// SIGTERM to the group, SIGKILL to every descendant after kill_after_ms. 0: SIGKILL at once.
struct Stop {
  static constexpr Type kType = Type::kStop;
  std::uint64_t generation = 0;
  std::uint64_t kill_after_ms = 0;

  template <typename Self, typename F>
  static void fields(Self& s, F&& f) {
    f(1, s.generation), f(2, s.kill_after_ms);
  }
};

// Replaces the ones kept before.
struct KeepListeners {
  static constexpr Type kType = Type::kKeepListeners;
  std::vector<std::string> names;

  template <typename Self, typename F>
  static void fields(Self& s, F&& f) {
    f(1, s.names);
  }
};

struct KeepRecord {
  static constexpr Type kType = Type::kKeepRecord;
  std::string record;

  template <typename Self, typename F>
  static void fields(Self& s, F&& f) {
    f(1, s.record);
  }
};

struct ConfigSource {
  std::string path;      // file or folder, in the launcher's file system
  bool is_live = false;  // true: {config} leads to the path itself

  template <typename Self, typename F>
  static void fields(Self& s, F&& f) {
    f(1, s.path), f(2, s.is_live);
  }
};

// Which content of a mount that has kept copies (--pins) a snapshot is made of.
enum class Content : std::uint8_t {
  kMounted,  // what the mount holds now
  kKept,     // the copy that every pod starts from; the mount's own where there is no copy yet
  kStaged,   // the copy that a reload brings; without one the snapshot fails
};

// One source: {config} is the copy of that file or folder. Several: a folder with each under its own last
// name.
struct Snapshot {
  static constexpr Type kType = Type::kSnapshot;
  std::uint64_t generation = 0;
  std::vector<ConfigSource> sources;
  std::uint64_t content = 0;  // Content (1.2); launchers before that know kMounted alone

  template <typename Self, typename F>
  static void fields(Self& s, F&& f) {
    f(1, s.generation), f(2, s.sources), f(3, s.content);
  }
};

struct DropSnapshot {
  static constexpr Type kType = Type::kDropSnapshot;
  std::uint64_t generation = 0;

  template <typename Self, typename F>
  static void fields(Self& s, F&& f) {
    f(1, s.generation);
  }
};

// Ends what still runs (SIGKILL) and exits with the status.
struct ExitWith {
  static constexpr Type kType = Type::kExitWith;
  std::uint64_t status = 0;

  template <typename Self, typename F>
  static void fields(Self& s, F&& f) {
    f(1, s.status);
  }
};

struct AskTail {
  static constexpr Type kType = Type::kAskTail;
  std::uint64_t generation = 0;

  template <typename Self, typename F>
  static void fields(Self& s, F&& f) {
    f(1, s.generation);
  }
};

// Understood by a launcher whose Hello has the feature "memory".
struct AskMemory {
  static constexpr Type kType = Type::kAskMemory;
  std::uint64_t generation = 0;  // the active one

  template <typename Self, typename F>
  static void fields(Self& s, F&& f) {
    f(1, s.generation);
  }
};

// ---- both ----

struct Refusal {
  static constexpr Type kType = Type::kRefusal;
  std::uint64_t refused_type = 0;
  std::string reason;

  template <typename Self, typename F>
  static void fields(Self& s, F&& f) {
    f(1, s.refused_type), f(2, s.reason);
  }
};

}  // namespace sidestep::launch
