// What the parent is told at its start, and what it leaves to the program that replaces its own: both are
// handed over execve(2) in a memory file (memfd_create(2)), descriptors by their numbers. Plain values.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "lib/base/backoff.h"
#include "lib/base/clock.h"
#include "lib/base/result.h"
#include "lib/loop/socket.h"

namespace sidestep::sidecar {

struct LauncherStart {
  std::string program;                 // sidestep-launch
  std::vector<std::string> arguments;  // argv[0] included; "--lock-fd N" is put in after it
  std::string lock_path;  // who holds this lock is the launcher: one that outlived a killed proxy is kept
};

struct ParentSettings {
  std::string program = "/proc/self/exe";
  std::vector<std::string> parent_arguments;  // argv[0] included: what `ps` shows
  std::vector<std::string> worker_arguments;  // argv[0] included
  std::vector<std::string> env;               // "NAME=value", for worker and launcher
  std::optional<LauncherStart> launcher;      // `sidestep run`
  std::string install_dir;  // `sidestep proxy`: where the launcher lies for the app's container
  BackoffLimits backoff{Millis{100}, Millis{5'000}, 2.0};
  int give_up_after = 20;        // crashes in a row
  Millis launcher_stop{15'000};  // at the end, for a launcher that still ends its app

  std::string upgrade_program;  // looked at anew by each upgrade; when it is not there: what runs now
  Millis upgrade_prove{30'000};
  Millis upgrade_drain{600'000};  // a replaced worker is killed a while after
  int upgrade_max_old = 4;
};

// Of the newest upgrade; id 0: none.
struct UpgradeReport {
  std::uint64_t id = 0;
  bool has_ended = false;
  bool succeeded = false;
  std::string message;
  std::uint64_t good = 0;  // upgrades that succeeded, and that did not, so far
  std::uint64_t bad = 0;
};

struct LeftWorker {
  pid_t pid = 0;
  int number = 0;
  int channel = -1;
  bool is_ready = false;
  TimePoint started_at{};
  TimePoint retired_at{};
};

struct ParentState {
  ParentSettings settings;
  std::map<std::string, int> kept;
  LeftWorker current;
  std::vector<LeftWorker> old;
  pid_t launcher = 0;
  int restarts = 0;
  int workers = 0;
  std::uint64_t attempts = 0;
  UpgradeReport report;
};

// Another number: a program that does not understand what this one leaves. The parent then stays as it is.
constexpr int kParentStateVersion = 1;
// The hidden command with which the next program goes on: `sidestep parent FILE …`.
inline constexpr const char* kParentVerb = "parent";

// A memory file that a program started by us may read; close-on-exec until then.
Result<UniqueFd> write_parent_state(const ParentState& state);
// Descriptors that it names are close-on-exec afterwards. The error says that nothing can be read.
Result<ParentState> read_parent_state(int file);
// Every descriptor that the state names survives execve(2), or does not.
void keep_over_exec(const ParentState& state, bool keep);

}  // namespace sidestep::sidecar
