// All that the control thread knows and decides upon: the state machine's state, as one value.
//
// A struct per state holds only that state's data; what outlives states (who runs, what ended) lies beside
// them. Copied freely; changed by advance() (reload_machine.h) alone.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "lib/base/clock.h"
#include "lib/policy/spec.h"
#include "lib/policy/verdict.h"
#include "sidecar/core/generations.h"
#include "sidecar/core/receipt.h"
#include "sidecar/core/restart_policy.h"
#include "sidecar/core/shutdown_plan.h"
#include "sidecar/core/types.h"

namespace sidestep::sidecar {

using PolicyPtr = std::shared_ptr<const policy::PolicySpec>;

// One reload while it runs.
struct Run {
  ReloadView view;  // the record; its durations are filled in when it ends
  Member candidate;
  PolicyPtr policy;                 // as it was when the reload began, with the asker's steps
  bool hold = false;                // strategy Hold: active is stopped first
  bool rescue = false;              // active was down when it was asked for: nothing to compare with
  std::optional<Seconds> deadline;  // managed: longest silence
  std::uint64_t seed = 0;           // of the weighted choice
  TimePoint asked_at{};
  TimePoint spawned_at{};
  TimePoint ready_at{};
  TimePoint promoted_at{};
  bool is_paused = false;
  TimePoint paused_at{};
};

// Active takes all requests. Some may still be retiring.
struct Serving {};

// No generation can take requests and no reload is under way: active is started, or restarted.
struct Holding {};

enum class StartStage : std::uint8_t {
  kRoom,   // strategy Hold: active drains and stops; the candidate is not spawned yet
  kReady,  // the candidate runs and is not ready yet
};

struct Starting {
  Run run;
  StartStage stage = StartStage::kReady;
  TimePoint give_up_at{};  // of this stage
  std::string hint;        // why it may not become ready: another port, for instance
  ReloadReason hint_reason = ReloadReason::kNone;
};

struct Judging {
  Run run;
  int step = -1;  // index into the steps; -1: before the first
  int weight = 0;
  TimePoint due{};              // the step's pause ends
  bool awaits_verdict = false;  // the pause has ended without one
  TimePoint give_up_at{};       // too few requests for a verdict until then
  TimePoint silent_at{};        // managed: nothing was heard until then
  policy::Judgement judgement;
};

struct Draining {
  Run run;
  Generation previous = Generation::kNone;
};

struct RollingBack {
  Run run;  // its view carries the verdict already
};

enum class StopBecause : std::uint8_t {
  kTerminated,  // outside a pod: SIGTERM or SIGINT; app and proxy end
  kPodEnds,     // preStop hook: serve until quiet, drain, stop the app, go
  kProxyEnds,   // SIGTERM of the sidecar container alone: the app stays for the next proxy
};

enum class StopStage : std::uint8_t {
  kQuieting,  // still serving, with Connection: close, until no new request comes
  kDraining,  // nothing new; open streams finish
  kStopping,  // the app was told to stop
  kDone,      // nothing runs any more (or, kProxyEnds, nothing of ours)
};

struct Stopping {
  StopBecause because = StopBecause::kTerminated;
  StopStage stage = StopStage::kQuieting;
  ShutdownPlan plan;
  std::uint64_t requests_seen = 0;
  TimePoint last_request_at{};
  bool quits_when_done = false;  // kPodEnds: the sidecar's own SIGTERM has come as well
  ExitStatus exit;               // what the process ends with
  std::uint64_t clients_seen = 0;
  std::optional<TimePoint>
      release_by;  // kQuieting, after the last request: silent clients are closed until then
};

using State = std::variant<Serving, Holding, Starting, Judging, Draining, RollingBack, Stopping>;

struct MachineSettings {
  bool run_mode = false;         // `sidestep run`: one command for proxy and app
  Millis launcher_grace{3'000};  // a lost launcher that is not back by then took every generation with it
  Millis gone_wait{10'000};      // strategy Hold: for what a generation left behind, longest
  Millis app_term_wait{2'000};   // SIGTERM at the launcher: so long the pod's end may take to be announced
  std::size_t most_ended = 16;   // records that are kept
};

struct Model {
  MachineSettings settings;
  PolicyPtr policy;  // for the next reload and for restarts; never null
  std::string policy_uid;
  Generations generations;
  RestartPolicy restarts;
  std::uint64_t restart_count = 0;
  State state = Holding{};
  std::deque<ReloadView> ended;  // newest last
  std::uint64_t random = 0;      // of the generator; seeded by the driver
  std::uint64_t runs_begun = 0;

  bool launcher_up = false;
  std::optional<TimePoint> launcher_lost_at;
  std::optional<TimePoint> app_term_at;  // SIGTERM was seen at the launcher
  bool awaits_container = false;         // the app container restarts: nothing is spawned until it is back
  std::vector<Generation> snapshots;     // configuration snapshots that the launcher keeps
};

Phase phase_of(const Model& model);
// Active is not started yet: under strategy Hold processes of another generation have to go first.
bool waits_for_room(const Model& model);
// The running reload; null when none is.
const Run* run_of(const State& state);
Run* run_of(State& state);
// The record with that id, running or ended; null when it is not known.
const ReloadView* find_record(const Model& model, const std::string& id);

}  // namespace sidestep::sidecar
