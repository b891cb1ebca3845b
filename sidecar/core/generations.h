// Who runs: the active generation and its life, and those that are being retired.
//
// Plain values with the few operations on them; what follows from an exit or a deadline is decided by the
// state machine. Numbers only grow: every start of the app, a restart of active too, gets one of its own, so
// a late report about a process that is gone can never be taken for another.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "lib/base/clock.h"
#include "sidecar/core/receipt.h"
#include "sidecar/core/route_table.h"
#include "sidecar/core/types.h"

namespace sidestep::sidecar {

using EnvList = std::vector<std::pair<std::string, std::string>>;

// How to start one. Placeholders are not filled in yet.
struct Recipe {
  std::vector<std::string> command;
  EnvList env;                       // beside the inherited one; later entries win
  std::optional<AppAddress> attach;  // somebody else started it: never spawned, never signalled
  bool operator==(const Recipe&) const = default;
};

// `base` with another command (when given) and with entries of `env` added or replaced.
Recipe changed(const Recipe& base, const std::vector<std::string>& command, const EnvList& env,
               const std::optional<AppAddress>& attach);

struct Member {
  Generation generation = Generation::kNone;  // none: not started yet
  Recipe recipe;
  Generation snapshot_of = Generation::kNone;  // whose configuration snapshot it runs on; often itself
  int restarts = 0;                            // of this recipe after it died by itself
};

enum class ActiveLife : std::uint8_t {
  kUp,        // takes requests
  kStarting,  // spawned, not ready: requests are held
  kDown,      // died, or was never started: spawned at `restart_at`, once there is a launcher
  kParked,    // stopped on purpose to make room for a candidate (strategy Hold)
  kGivenUp,   // died too often
};

struct Active {
  Member member;
  ActiveLife life = ActiveLife::kDown;
  TimePoint restart_at{};  // of kDown
  TimePoint ready_by{};    // of kStarting
  ExitStatus last_exit;
  bool is_alone = false;  // of kDown: nothing of ours may run beside it (strategy Hold)
};

enum class RetiredBecause : std::uint8_t {
  kReplaced,          // a candidate was promoted
  kTakenBack,         // it was a candidate
  kContainerRestart,  // the app container is about to be restarted
  kStopping,          // the end
};

struct Retiring {
  Member member;
  RetiredBecause because = RetiredBecause::kReplaced;
  Closing closing;         // what the shards do with its open streams
  TimePoint give_up_at{};  // signalled then, idle or not
  TimePoint warm_until{};  // kept although idle, and may take over, until then
  bool idle = false;       // the plane said so
  bool signalled = false;  // told to stop; only its exit is awaited
};

// Its program has ended; processes that it left behind may live, and hold what it had locked.
struct Leaving {
  Generation generation = Generation::kNone;
  TimePoint until{};  // nobody waits longer
};

struct Generations {
  Generation last = Generation::kNone;  // the highest number that was ever used
  Active active;
  std::vector<Retiring> retiring;  // oldest first
  std::vector<Leaving> leaving;

  Generation next() { return last = Generation{number(last) + 1}; }
  Retiring* find_retiring(Generation generation);
  // Those that are not signalled yet.
  std::size_t draining() const;
  // The newest one that can take over at once.
  Retiring* warm(TimePoint now);
  void remove(Generation generation);
  void leave(Generation generation, TimePoint until);
  bool is_leaving(Generation generation) const;
  // No process of ours is left but those of active: what strategy Hold starts one on.
  bool is_clear() const;
};

}  // namespace sidestep::sidecar
