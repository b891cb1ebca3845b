// The calls of the control API (docs/api/control.openapi.yaml): each reads the newest snapshot, or submits a
// command and waits for its reply with a deadline. Knows nothing of sockets; server.cc brings calls in.
//
// Any thread, several at a time; calls that wait longer than a moment are bounded in number.
#pragma once

#include <atomic>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "lib/base/clock.h"
#include "sidecar/admin/auth.h"
#include "sidecar/admin/caller.h"
#include "sidecar/admin/metrics.h"
#include "sidecar/admin/sources.h"
#include "sidecar/admin/wire.h"
#include "sidecar/config/options.h"
#include "sidecar/core/command.h"
#include "sidecar/core/snapshot.h"

namespace sidestep::sidecar {

struct ApiAnswer {
  int status = 200;
  std::string body;
  std::string content_type = "application/json";
  std::vector<std::pair<std::string, std::string>> fields;
};

struct ApiLimits {
  std::size_t max_waiting = 16;  // status?wait= and pod-ending at the same time
  Millis reply{5'000};           // for the control thread to answer a command
  Millis refresh{1'000};         // for it to make a fresh picture; then the last one is shown
  Millis longest_wait{60'000};   // of status?wait=
  Millis pod_ending{3'600'000};  // the kubelet's own deadline comes first
};

class ControlApi {
 public:
  // All references outlive this. `report_output`: the policy lets the app's output leave the pod.
  // `door_refusals` gives what the door in front of us refused, by reason; may be empty.
  ControlApi(const SnapshotBoard& board, CommandSink& sink, Authority& authority, const Clock& clock,
             ApiLimits limits, bool report_output,
             std::function<std::map<std::string, std::uint64_t>()> door_refusals,
             std::vector<SourceMount> sources = {}, std::string reload_keys = {});

  // What this process has given up, for /metrics. REQUIRES: no call has come yet.
  void set_confinement(const Confinement& confinement) { confinement_ = confinement; }

  ApiAnswer handle(const Call& call);
  // "GET /healthz" and so on: what docs/api/control.openapi.yaml must list.
  static std::vector<std::string> calls();
  // Calls that wait for the end of a reload return at once, and none waits any more.
  void release() { is_released_ = true; }
  // The same, and nobody answers commands any more.
  void stop() { is_released_ = is_stopping_ = true; }

 private:
  struct Route;
  static const Route kRoutes[];

  ApiAnswer healthz(const Call& call);
  ApiAnswer readyz(const Call& call);
  ApiAnswer metrics(const Call& call);
  ApiAnswer status(const Call& call);
  ApiAnswer why(const Call& call);
  ApiAnswer reload(const Call& call);
  ApiAnswer signed_reload(const Call& call);
  ApiAnswer weight(const Call& call);
  ApiAnswer promote(const Call& call);
  ApiAnswer abort(const Call& call);
  ApiAnswer pause(const Call& call);
  ApiAnswer resume(const Call& call);
  ApiAnswer policy(const Call& call);
  ApiAnswer too_many_wait(const std::string& fix);
  ApiAnswer pod_ending(const Call& call);
  ApiAnswer upgrade(const Call& call);

  ApiAnswer dispatch(const Route& route, const Call& call);
  std::optional<Refusal> refusal_of(const Route& route, const Call& call);
  ApiAnswer steer(const Call& call, const std::function<Command(const wire::SteerRequest&)>& make);
  CommandReply submit(Command command, Millis patience);
  SnapshotPtr fresh();
  SnapshotPtr wait_for_end(const std::string& reload, Millis wait);
  ApiAnswer failure(int status, std::string kind, std::string message) const;
  ApiAnswer failure(const Error& error) const;

  const SnapshotBoard& board_;
  CommandSink& sink_;
  Authority& authority_;
  const Clock& clock_;
  const ApiLimits limits_;
  const std::function<std::map<std::string, std::uint64_t>()> door_refusals_;
  SourceReader sources_;
  CallerRule callers_;
  const WallTime began_;
  Confinement confinement_;
  std::atomic<bool> report_output_;
  std::atomic<bool> is_released_{false};
  std::atomic<bool> is_stopping_{false};
  std::atomic<std::size_t> waiting_{0};
};

}  // namespace sidestep::sidecar
