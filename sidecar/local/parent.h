// The process that the user starts as `sidestep proxy` or `sidestep run`: tiny, single-threaded, without
// configuration of its own. It starts the worker (this program again, with a hidden command), starts another
// one when it crashes, and holds the descriptors that the worker gave it, so that a crashed worker costs no
// new connection. As PID 1 it reaps. Under `sidestep run` it starts the launcher too, in a session of its
// own, so that the app outlives a killed proxy.
//
// Asked to (`sidestep upgrade`, SIGUSR2), it replaces the worker by another one, from the program that is on
// disk by now (core/handover.h says what follows what), and then its own program by that one (execve(2): the
// same process, children and descriptors). Workers that were replaced finish what they have; how many and how
// long is bounded here.
//
// Decides nothing about generations; serves nobody. Ends with the worker's status when the worker ends by
// itself. Threads: one, and none is ever made.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "lib/loop/child.h"
#include "lib/loop/event_loop.h"
#include "lib/loop/signals.h"
#include "sidecar/core/handover.h"
#include "sidecar/core/worker_names.h"
#include "sidecar/local/parent_state.h"
#include "sidecar/local/worker_backoff.h"
#include "sidecar/local/worker_process.h"

namespace sidestep::sidecar {

class Parent final : private WorkerProcess::Owner {
 public:
  static constexpr std::size_t kMaxKept = 64;

  explicit Parent(ParentSettings settings);
  ~Parent();

  // Until the worker has ended for good. Returns the status to exit with.
  int run();
  // The same after execve(2), with what the program before left.
  int resume(ParentState state);

 private:
  int loop_until_end();
  void on_signal(int number);
  void on_message(WorkerProcess& worker, FdMessage message) override;
  void on_ended(WorkerProcess& worker, ExitStatus exit) override;
  void obey_current(FdMessage message);
  void current_ended(const WorkerProcess& worker, ExitStatus exit);
  Status start_worker();
  Status start_launcher();
  void launcher_ended(ExitStatus exit);
  void finish(int status);
  bool is_ours(pid_t pid) const;
  void reap_strays() const;
  void retry_worker();
  int next_number();  // of a worker; see core/worker_names.h

  // parent_upgrade.cc
  void ask_upgrade(bool by_signal, std::string arguments);
  void step(const handover::Event& event);
  void perform(const handover::Start& start);
  void perform(const handover::Commit&);
  void perform(const handover::Undo&);
  void perform(const handover::End&);
  void perform(const handover::Refuse& refuse);
  void perform(const handover::Report& report);
  Status start_next(const std::string& nonce);
  void tell_report();
  void tell_start(WorkerProcess& worker, const std::string& more);
  void link_old(WorkerProcess& old);
  void limit_old();
  void old_ended(const WorkerProcess& worker, ExitStatus exit);
  void execute_next_program();
  ParentState state() const;

  ParentSettings settings_;
  EventLoop loop_;
  SignalSource signals_;
  std::map<std::string, UniqueFd> kept_;
  std::unique_ptr<WorkerProcess> current_;
  std::unique_ptr<WorkerProcess> next_;
  std::vector<std::unique_ptr<WorkerProcess>> old_;     // replaced, oldest first
  std::vector<std::unique_ptr<WorkerProcess>> doomed_;  // failed to replace, killed
  std::unique_ptr<Child> launcher_;
  WorkerBackoff backoff_;
  int restarts_ = 0;
  int workers_ = 0;  // started so far
  bool launcher_is_new_ = false;
  bool is_ending_ = false;  // a signal that ends us was seen, or the worker has ended for good
  int status_ = 0;
  handover::Model handover_;
  UpgradeReport report_;
  UniqueFd next_program_;                // what the upgrade that is under way starts
  std::vector<std::string> next_words_;  // its worker's arguments
  std::vector<std::string> last_words_;  // those before, until it serves
  // Old workers that ended while the next one was started: the state that it got may still have them.
  std::vector<int> gone_meanwhile_;
  bool next_is_like_us_ = false;  // its parent understands our state
  struct OwnNext {                // the program of the worker that serves, to go on with
    UniqueFd program;
    bool is_like_us = false;
  };
  OwnNext own_next_;
  FunctionTimer again_;
  FunctionTimer launcher_again_;
  FunctionTimer launcher_kill_;
  FunctionTimer upgrade_deadline_;
  FunctionTimer old_look_;
  FunctionTimer execute_;
};

}  // namespace sidestep::sidecar
