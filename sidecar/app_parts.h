// The worker's parts and how they are connected: a start, and the exchange of one worker for another. Private
// to sidecar/app*.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "lib/loop/event_loop.h"
#include "lib/loop/signals.h"
#include "sidecar/admin/control.h"
#include "sidecar/app.h"
#include "sidecar/core/confinement.h"
#include "sidecar/core/snapshot.h"
#include "sidecar/io/app_tls_keeper.h"
#include "sidecar/io/driver.h"
#include "sidecar/io/handover_peers.h"
#include "sidecar/io/journal.h"
#include "sidecar/io/journal_writer.h"
#include "sidecar/io/launcher_link.h"
#include "sidecar/io/listeners.h"
#include "sidecar/io/memory_keeper.h"
#include "sidecar/io/parent_link.h"
#include "sidecar/io/relay_plane.h"
#include "sidecar/io/retired_worker.h"
#include "sidecar/io/tls_keeper.h"

namespace sidestep::sidecar {

inline constexpr Millis kSettled{500};  // after the start, before what it alone needed is given back

struct App::Parts {
  Parts(Options options, int channel);

  // app.cc: a start, and what happens
  Status start();
  void make_parts(const std::string& token);
  Status start_tls(TicketKeys tickets);
  Status start_app_tls();
  void serve(Result<std::vector<NamedFd>> claimed);
  // REQUIRES: every socket is bound, and no thread but the logger's is there.
  void confine_worker();
  // Of what an earlier worker left, duplicates of the client-facing ones.
  std::vector<std::pair<std::string, UniqueFd>> left_listeners() const;
  std::map<std::string, UniqueFd> left_for_control() const;
  std::vector<int> take_listeners(std::vector<NamedFd> claimed);
  void on_launcher(LauncherEvent event);
  void share_listeners();
  void write_journal(const std::string& text);
  void terminate();
  void fail(const Error& error);
  void quit(ExitStatus exit);

  // app_handover.cc: another worker
  void on_parent(FdMessage message);
  void keep_all();  // what the parent holds for the next worker is exactly what this one has
  // This worker is replaced.
  void hand_over(UniqueFd socket);
  Result<HandoverGiver::Gift> gift();
  void go_on();
  void yield(UniqueFd link);
  void end_control();
  // This worker replaces another one.
  void take_over(WorkerState state, std::vector<UniqueFd> descriptors);
  void prove(Result<std::vector<NamedFd>> claimed);
  void take();
  void cannot(const std::string& why);
  // `sidestep upgrade`
  void ask_upgrade(std::string arguments, std::function<void(CommandReply)> reply);
  void show_report(const std::string& text);

  const Options options;
  EventLoop loop;
  SignalSource signals;
  bool has_parent = false;
  ParentLink parent;
  WorkerStart words;
  const Journal journal;
  std::optional<JournalWriter> writer;
  ListenerClaim claim;
  SnapshotBoard board;
  std::unique_ptr<RelayPlane> plane;
  std::optional<TlsKeeper> tls;
  std::optional<AppTlsKeeper> app_tls;
  MemoryKeeper memory;
  std::unique_ptr<LauncherLink> launcher;
  std::optional<Driver> driver;
  std::optional<Control> control;
  std::map<std::string, UniqueFd> left;                  // by an earlier worker, and not used yet
  std::vector<std::pair<std::string, UniqueFd>> shared;  // duplicates for the launcher
  std::vector<LauncherEvent> early;                      // before the driver was started
  std::string record;
  Confinement confinement;
  bool is_serving = false;
  int status = 0;

  std::unique_ptr<HandoverGiver> giver;
  std::unique_ptr<HandoverTaker> taker;
  std::optional<DriverState> taken;  // until the listeners are there
  std::unique_ptr<RetiredWorker> retired;
  std::function<void(CommandReply)> upgrade_reply;
  FunctionTimer control_end;
  FunctionTimer settled;                    // the start is over
  std::optional<TimePoint> control_end_by;  // while callers of a replaced worker get their answers
  bool has_finished = false;                // retired, and no client is left
};

}  // namespace sidestep::sidecar
