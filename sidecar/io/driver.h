// The control thread's work: the only caller of the state machine. Turns what happens (launcher, plane,
// probes, timers, commands, signals) into events, performs the effects, and makes the projections true.
//
// Does not decide: core/reload_machine does. Does not touch requests: the plane does. Transitions are logged
// here, in one place. Everything runs on the loop's thread, but submit(), which any thread may call. Nothing
// that is referred to is owned; all must outlive the driver.
#pragma once

#include <atomic>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "lib/base/clock.h"
#include "lib/loop/event_loop.h"
#include "sidecar/config/options.h"
#include "sidecar/core/command.h"
#include "sidecar/core/record.h"
#include "sidecar/core/reload_machine.h"
#include "sidecar/core/snapshot.h"
#include "sidecar/io/driver_fleet.h"
#include "sidecar/io/driver_snapshot.h"
#include "sidecar/io/launcher_link.h"
#include "sidecar/io/listening_table.h"
#include "sidecar/io/plane.h"
#include "sidecar/io/prober.h"
#include "sidecar/io/worker_state.h"

namespace sidestep::sidecar {

struct DriverParts {
  EventLoop& loop;
  const Clock& clock;
  const Options& options;
  LauncherLink& launcher;
  Plane& plane;
  SnapshotBoard& board;
  std::function<void(const std::string& record)> write_journal;  // "": nothing is to be kept
  std::function<void(ExitStatus)> quit;                          // called once, in a turn of its own
  std::string boot_id;
  std::string root;        // before /proc and /sys; "" but in tests
  std::uint64_t seed = 0;  // of every random choice
  // `sidestep upgrade`: asks the parent; the reply comes when it has answered. Empty: there is none.
  std::function<void(std::string arguments, std::function<void(CommandReply)> reply)> upgrade = {};
};

class Driver final : public CommandSink {
 public:
  explicit Driver(DriverParts parts);
  ~Driver() override;
  Driver(const Driver&) = delete;
  Driver& operator=(const Driver&) = delete;

  // `journal` is what write_journal() was given last by an earlier life; empty: nothing, or it was lost.
  // Starts the plane on the listeners. REQUIRES: called once, before any other.
  void start(const std::string& journal, std::vector<int> listeners);

  // ---- between two workers (io/worker_state.h) ----

  // From here on nothing is decided: what happens waits for thaw(), commands too.
  void freeze();
  // As if nothing had happened: what waited is looked at.
  void thaw();
  // Another worker has the state: nothing is decided or done any more, and commands are refused. REQUIRES:
  // frozen.
  void retire();
  // REQUIRES: frozen.
  DriverState state() const;
  // In place of start(): goes on where another worker has stopped. The plane is started, and accepts nothing
  // before thaw().
  void resume(DriverState state, std::vector<int> listeners);
  const RouteTable& routes() const { return routes_; }
  bool is_stopping() const { return phase_of(model_) == Phase::kStopping; }
  // What `sidestep upgrade` and /metrics tell of the parent's doings.
  void show_upgrade(const UpgradeView& view);

  // TLS to the app, for probes.
  void secure_app(const AppTlsTerms& terms) { prober_.secure(terms); }
  void on_launcher(LauncherEvent event);
  void on_idle(Generation generation, std::uint64_t version);  // PlaneEvents
  void on_suspect(Generation generation);
  void on_terminate();  // SIGTERM or SIGINT

  // CommandSink
  void submit(Command command, std::function<void(CommandReply)> reply) override;
  // After the loop has ended: commands are refused at once.
  void close() { is_closed_ = true; }

 private:
  using Reply = std::function<void(CommandReply)>;

  Now now() const { return Now{parts_.loop.now(), parts_.clock.wall()}; }
  void boot(const std::string& record, const std::string& source);
  void restart_from(const std::string& record);  // the launcher's, when it is newer than the journal
  // One event through the machine. Events that effects cause are queued, never nested.
  void step(Event event);
  void step_one(const Event& event);
  void settle();  // makes the projections true

  // driver_effects.cc
  void perform(const effect::Spawn& spawn);
  void perform(const effect::Stop& stop);
  void perform(const effect::ForgetSnapshot& forget);
  void perform(const effect::FetchOutput& fetch);
  void perform(const effect::Accept& accept);
  void perform(const effect::Refuse& refuse);
  void perform(const effect::RunBegan& began);
  void perform(const effect::RunEnded& ended);
  void perform(const effect::Note& note);
  void perform(const effect::EndContainer& end);
  void perform(const effect::PodMayGo&);
  void perform(const effect::Quit& quit);
  void publish_routes();
  void publish_snapshot();
  void write_journal();
  void adjust_probes();
  void adjust_timers();
  void log_transition(Phase before, const Effects& effects);
  void warn(Generation about, std::string text, bool until_ready = false);

  // driver_events.cc
  void handle(Command command, Reply reply);
  void ask(ReloadCommand command, Reply reply);
  void begin_asked(const MemoryRoom& room);  // the reloads that waited for the launcher's word on memory
  void handle(const LauncherUp& up);
  void handle(const LauncherLost&);
  void handle(const Spawned& spawned);
  void handle(const SpawnFailed& failed);
  void handle(const Exited& exited);
  void handle(const Gone& gone);
  void handle(const OutputTail& tail);
  void handle(const ConfigTaken& taken);
  void handle(const MemoryTold& told);
  void handle(const SocketReady& ready);
  void handle(const TermSeen&);
  void on_health(Generation generation, HealthChange change, const std::string& why);
  void measure();
  void look_for_wrong_ports();
  void say_that_nobody_listens(Generation generation, Facts& facts);
  void say_that_tls_fails(Generation generation, Facts& facts);
  void check_exposure();
  std::vector<Generation> known_generations() const;
  bool is_fresh(Generation generation) const;  // being started: not ready yet

  const DriverParts parts_;
  const ListeningTable listening_;
  Model model_;
  Fleet fleet_;
  Remembered remembered_;
  DecisionLog decisions_;
  Prober prober_;
  bool is_booted_ = false;
  bool is_first_launcher_ = true;  // none has connected in this life
  bool is_quitting_ = false;
  std::atomic<bool> is_closed_{false};
  std::atomic<bool> is_retired_{false};  // closed, since another worker decides
  std::deque<Event> events_;
  bool is_stepping_ = false;
  bool is_frozen_ = false;
  std::vector<std::pair<Command, Reply>> deferred_;  // while frozen
  Reply reply_;                                      // of the command whose event is in the machine
  std::vector<Reply> pod_waiters_;                   // preStop hooks
  std::vector<std::pair<ReloadCommand, Reply>>
      asked_;  // reloads that wait until the launcher has told of memory
  FunctionTimer memory_late_;
  RouteTable routes_;                                  // published last
  std::map<Generation, std::uint64_t> closing_since_;  // version of the first table that says so
  std::uint64_t serial_ = 0;                           // of the record
  std::string record_;                                 // written last
  std::string policy_text_;                            // pushed by the control API
  ShardCounters at_judging_;
  std::set<Generation> snapshots_;  // that the launcher has, or was told to take
  FunctionTimer tick_;
  FunctionTimer measure_;
  FunctionTimer port_look_;
  FunctionTimer exposure_look_;
  std::vector<Generation> unchecked_;  // became ready, and may listen on every address
  FunctionTimer quit_;
  ExitStatus exit_;
};

}  // namespace sidestep::sidecar
