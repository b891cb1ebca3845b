// Puts the launcher's parts together: the proxy's commands go to generations and snapshots, their reports go
// back; what the proxy wants kept (listeners, its record) is kept for the next proxy; SIGTERM is reported,
// not forwarded.
//
// Decides nothing by itself but its own end (end_policy.h). Threads: one.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "sidecar/launch/connection.h"
#include "sidecar/launch/end_policy.h"
#include "sidecar/launch/generations.h"
#include "sidecar/launch/options.h"
#include "sidecar/launch/snapshot.h"

namespace sidestep::launch {

class Launcher final : public Connection::Owner {
 public:
  // `signals` is a signalfd of SIGCHLD and the signals that mean the end.
  Launcher(LaunchOptions options, UniqueFd signals);

  // Returns the exit status.
  int run();

  std::string hello() override;
  void on_frame(const Frame& frame, std::vector<UniqueFd>& fds) override;
  void on_lost() override;

 private:
  void turn();
  void read_signals();
  void follow_end_policy();
  Millis wait_time() const;
  int end(int status);
  void say(const std::string& text);

  template <typename T>
  void handle(const Frame& frame);
  void obey(const Welcome& welcome);
  void obey(const Refusal& refusal);
  void obey(const Spawn& order);
  void obey(const Signal& order);
  void obey(const Stop& order);
  void obey(const KeepListeners& order);
  void obey(const KeepRecord& order);
  void obey(const Snapshot& order);
  void obey(const DropSnapshot& order);
  void obey(const ExitWith& order);
  void obey(const AskTail& order);
  void obey(const AskMemory& order);
  void refuse(Type type, const std::string& reason);
  void send_state();

  LaunchOptions options_;
  UniqueFd signals_;
  OutputSink out_{1};
  OutputSink err_{2};
  Connection connection_;
  Generations generations_;
  Snapshots snapshots_;

  std::string token_;
  std::string record_;
  std::vector<std::pair<std::string, UniqueFd>> listeners_;
  std::vector<UniqueFd>* arrived_ = nullptr;  // descriptors that came with the frame being handled
  std::string last_refusal_;                  // said once

  EndFacts end_;
  EndDecision decision_;
  std::optional<int> exit_status_;
};

}  // namespace sidestep::launch
