// The whole control port of a sidecar, put together: the door (Unix socket and TCP), the server behind it,
// the calls, and who may make them.
//
// Ownership: owns all of it. Threads: construct, listen, run and stop on one thread; the board and the sink
// are used from others.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "lib/base/result.h"
#include "lib/front/door.h"
#include "sidecar/admin/api.h"
#include "sidecar/admin/auth.h"
#include "sidecar/admin/server.h"
#include "sidecar/config/options.h"

namespace sidestep::sidecar {

class Control {
 public:
  // All references outlive this. `report_output`: of the policy in force at the start. `worker` is the number
  // of this worker: its own server's socket has it in its name, since a replaced worker's may still be there.
  Control(const Options& options, bool report_output, const SnapshotBoard& board, CommandSink& sink,
          const Clock& clock, int worker = 1);
  ~Control();  // stop()
  Control(const Control&) = delete;
  Control& operator=(const Control&) = delete;

  // Makes the socket's folder when it is the default one, and listens, with sockets of an earlier worker
  // where there are any (by the names of listeners()). Nothing is accepted before run().
  Status listen(std::map<std::string, UniqueFd> left = {});
  // What this process has given up is shown by /metrics. REQUIRES: listen() was ok.
  void run(const Confinement& confinement);
  Status start();  // both
  const std::map<std::string, int>& listeners() const { return door_.listeners(); }

  // What the worker that replaces this one must know so that no signed command can be sent again; text of its
  // own kind.
  std::string state() const;
  Status go_on(const std::string& state);  // before run()
  // Another worker answers from now on: running calls get their answers, no new ones come.
  void retire();
  bool is_quiet() const { return door_.is_quiet(); }  // after retire(): every answer has gone out
  // Calls that wait return, and everything is closed. Idempotent.
  void stop();

  std::uint16_t tcp_port() const { return door_.tcp_port(); }  // of the first --control-listen; 0: none

 private:
  Status prepare_folder() const;
  front::Settings with_calls(front::Settings settings);
  std::optional<front::Reply> probe_answer(const front::Request& request, const front::Principal& principal);

  const Options& options_;
  const std::string token_;
  Authority authority_;
  front::Door door_;
  ControlApi api_;
  ControlServer server_;
};

}  // namespace sidestep::sidecar
