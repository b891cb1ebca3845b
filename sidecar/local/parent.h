// The process that the user starts as `sidestep proxy` or `sidestep run`: tiny, single-threaded, without
// configuration of its own. It starts the worker (this program again, with a hidden command), starts another
// one when it crashes, and holds the descriptors that the worker gave it, so that a crashed worker costs no
// new connection. As PID 1 it reaps. Under `sidestep run` it starts the launcher too, in a session of its
// own, so that the app outlives a killed proxy.
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
#include "lib/loop/fd_channel.h"
#include "lib/loop/signals.h"
#include "sidecar/local/worker_backoff.h"

namespace sidestep::sidecar {

struct LauncherStart {
  std::string program;                 // sidestep-launch
  std::vector<std::string> arguments;  // argv[0] included; "--lock-fd N" is put in after it
  std::string lock_path;  // who holds this lock is the launcher: one that outlived a killed proxy is kept
};

struct ParentSettings {
  std::string program = "/proc/self/exe";
  std::vector<std::string> worker_arguments;  // argv[0] included
  std::vector<std::string> env;               // "NAME=value", for worker and launcher
  std::optional<LauncherStart> launcher;      // `sidestep run`
  BackoffLimits backoff{Millis{100}, Millis{5'000}, 2.0};
  int give_up_after = 20;        // crashes in a row
  Millis launcher_stop{15'000};  // at the end, for a launcher that still ends its app
};

class Parent final : public IoHandler {
 public:
  static constexpr std::size_t kMaxKept = 64;
  static constexpr int kWorkerChannel = 3;  // where a worker finds the socket to us

  explicit Parent(ParentSettings settings);
  ~Parent();

  // Until the worker has ended for good. Returns the status to exit with.
  int run();

  void on_io(std::uint32_t events) override;  // a message of the worker

 private:
  void on_signal(int number);
  Status start_worker();
  void tell_start();
  void worker_ended(ExitStatus exit);
  Status start_launcher();
  void launcher_ended(ExitStatus exit);
  void obey(FdMessage message);
  void finish(int status);
  void close_channel();
  void reap_strays() const;
  void retry_worker();

  ParentSettings settings_;
  EventLoop loop_;
  SignalSource signals_;
  std::map<std::string, UniqueFd> kept_;
  UniqueFd channel_;
  std::unique_ptr<Child> worker_;
  std::unique_ptr<Child> launcher_;
  WorkerBackoff backoff_;
  TimePoint worker_started_{};
  int restarts_ = 0;
  bool worker_was_ready_ = false;
  bool launcher_is_new_ = false;
  bool is_ending_ = false;  // a signal that ends us was seen, or the worker has ended for good
  int status_ = 0;
  FunctionTimer again_;
  FunctionTimer launcher_again_;
  FunctionTimer launcher_kill_;
};

}  // namespace sidestep::sidecar
