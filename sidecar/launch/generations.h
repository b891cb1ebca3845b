// The generations of the app that live in this container: starts them (each below a shim), signals and stops
// them, passes their output through, and reports what becomes of them.
//
// Decides nothing about when. Reports go to the outbox as frames. Threads: the launcher's one.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "sidecar/launch/output.h"
#include "sidecar/launch/poll_set.h"
#include "sidecar/launch/protocol.h"
#include "sidecar/launch/shim.h"

namespace sidestep::launch {

// Where reports go. Frames sent while no proxy listens are kept for the next one, bounded.
struct Outbox {
  virtual void send(std::string frame) = 0;

 protected:
  ~Outbox() = default;
};

struct GenerationPaths {
  std::string run_dir;                // the shared volume
  std::optional<std::string> config;  // what {config} stands for
};

class Generations {
 public:
  static constexpr std::size_t kMaxRunning = 16;

  Generations(Outbox& outbox, OutputSink& out, OutputSink& err) : outbox_(outbox), sinks_{&out, &err} {}

  void spawn(const Spawn& order, const GenerationPaths& paths);
  void signal(std::uint64_t generation, int number);
  void stop(std::uint64_t generation, Millis kill_after);
  void stop_all(Millis kill_after);
  void send_tail(std::uint64_t generation);

  void watch(PollSet& set);
  // After each turn of waiting: sockets that became ready, shims that ended.
  void tick();
  void reap();  // after SIGCHLD
  Millis longest_wait() const;

  std::vector<Running> running() const;
  std::vector<std::uint64_t> leaving() const;  // the program has ended, not all that it left behind
  std::vector<pid_t> processes_of(std::uint64_t generation) const;  // all that descend from it
  bool is_empty() const { return live_.empty(); }
  std::optional<int> last_status() const {
    return last_status_;
  }  // of the program that ended last, as a shell says it

 private:
  struct Live {
    Shim shim;
    Program program;
    Running info;
    TimePoint started;
    OutputTail tail;
    std::optional<TimePoint> socket_ready_at;
    unsigned long long oom_kills_before = 0;
    std::string socket_path;
    bool is_reported = false;  // Exited or SpawnFailed was sent
    bool is_gone = false;
    bool shim_is_reaped = false;
  };

  bool prepare(const Spawn& order, const GenerationPaths& paths, Live& live, std::string& wrong) const;
  void read_control(Live& live);
  void handle(Live& live, const ShimReport& report);
  void started(Live& live, const ShimReport& report);
  void exited(Live& live, int wait_status, bool was_asked, int leftover);
  void shim_lost(Live& live);
  static void end_strays(const std::vector<pid_t>& shims);
  void read_output(Live& live, int stream);
  void look_for_socket(Live& live);
  void fail(std::uint64_t generation, std::string message, int error_number);
  Live* find(std::uint64_t generation);

  Outbox& outbox_;
  OutputSink* sinks_[2];
  std::map<std::uint64_t, Live> live_;
  std::optional<int> last_status_;
};

}  // namespace sidestep::launch
