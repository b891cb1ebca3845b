// The `spec` of a ReloadPolicy as plain structs: the same YAML steers `sidestep run` on a laptop and the
// operator in a cluster. Defaults stand here and nowhere else; crds/reloadpolicies.yaml repeats them and a
// test compares the two.
//
// Validation is done by parse_policy (spec.cc), which reports every mistake at once; code that holds a
// PolicySpec may rely on the ranges written beside each field.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "lib/base/clock.h"
#include "lib/base/result.h"
#include "lib/policy/analysis.h"
#include "lib/policy/guards.h"
#include "lib/policy/triggers.h"

namespace sidestep::policy {

inline constexpr int kWholeWeight = 10'000;  // weights are ten-thousandths

struct TargetRef {
  std::string api_version;  // apps/v1
  std::string kind;         // Deployment, StatefulSet or DaemonSet
  std::string name;
};

// How the app learns its address (ARCHITECTURE.md, "listen").
enum class ListenKind : std::uint8_t {
  kPort,    // a free loopback port in $PORT and {port}
  kSocket,  // a Unix socket path in $SIDESTEP_SOCKET and {socket}
};

enum class StrategyType : std::uint8_t {
  kOverlap,  // both generations run
  kHold,     // stop, then start; requests wait meanwhile
};

enum class OnMemoryPressure : std::uint8_t { kRefuse, kHold, kIgnore };

struct Strategy {
  StrategyType type = StrategyType::kOverlap;
  OnMemoryPressure on_memory_pressure = OnMemoryPressure::kRefuse;
  Seconds rollback_window{0};  // retiring is kept warm that long after promotion; 0..86400
};

// A number of pods: an absolute count or a percentage of the pods, rounded up.
struct PodAmount {
  int value = 100;
  bool percent = true;
  bool operator==(const PodAmount&) const = default;
};

struct RolloutStep {
  PodAmount pods{};                            // cumulative
  int weight_per_ten_thousand = kWholeWeight;  // 1..10000
  Seconds pause{0};                            // after the weight is reached, before the next step; 0..86400
};

struct Rollout {
  std::vector<RolloutStep> steps{
      RolloutStep{}};  // 1..20, pods not decreasing; on one machine `pods` is ignored
  PodAmount max_concurrent_pods{25, true};
  Seconds progress_deadline{600};  // 1..86400
};

enum class ProbeKind : std::uint8_t { kHttpGet, kTcpSocket };

struct Readiness {
  ProbeKind kind = ProbeKind::kTcpSocket;
  std::string path = "/";      // of httpGet; starts with '/'
  std::string host;            // Host header of httpGet; empty: the app's address
  int success_threshold = 1;   // good probes in a row; 1..100
  int failure_threshold = 3;   // bad probes in a row; 1..100
  Millis period{1000};         // 10 ms..300 s (periodSeconds, or periodMilliseconds for apps that start fast)
  Millis timeout{1000};        // per probe; 10 ms..300 s (timeoutSeconds or timeoutMilliseconds)
  Seconds start_deadline{30};  // from spawn to ready; 1..3600
};

enum class WebSocketDrain : std::uint8_t { kKeepUntilClosed, kCloseWith };

struct Drain {
  Seconds http_timeout{30};  // 0..86400
  WebSocketDrain web_socket = WebSocketDrain::kKeepUntilClosed;
  int web_socket_close_code = 1012;  // 1000..4999, of CloseWith
  Seconds web_socket_timeout{3600};  // 0..86400
  int max_retiring = 2;              // 1..8 generations that drain at the same time
  Seconds rollback_drain{10};        // for a live candidate that is taken back; 0..3600
};

struct Hold {
  int max_requests = 1000;                          // 0: never hold; up to 100000
  std::int64_t max_bytes = std::int64_t{16} << 20;  // of held requests, kernel queues included
  Seconds timeout{30};                              // 1..3600
};

enum class SnapshotMode : std::uint8_t { kPinned, kLive };

// What is copied per generation. {config} and $SIDESTEP_CONFIG name the copy: of the one path, or of a folder
// that holds one entry per path.
struct ConfigSource {
  std::string path;  // absolute, as the app container sees it; file or folder
  SnapshotMode mode = SnapshotMode::kPinned;
};

struct Shutdown {
  Seconds grace_period{30};    // the pod's terminationGracePeriodSeconds
  Seconds endpoints_grace{3};  // how long no new request must have come before the app is told to stop
  Seconds app_stop{5};         // from SIGTERM to SIGKILL of a generation
};

inline constexpr std::size_t kMostDependencies = 16;

struct PolicySpec {
  std::optional<TargetRef> target_ref;                        // xor selector; neither outside a cluster
  std::vector<std::pair<std::string, std::string>> selector;  // matchLabels
  bool suspend = false;
  ListenKind listen = ListenKind::kPort;
  Triggers triggers;
  Strategy strategy;
  Rollout rollout;
  Readiness readiness;
  Drain drain;
  Hold hold;
  Analysis analysis;
  std::vector<ConfigSource> config;
  Shutdown shutdown;
  bool expose_generation = false;  // Sidestep-Generation in each response
  bool report_output = false;      // the app's last lines may leave the pod in verdicts
  int history_limit = 10;          // finished Reload objects that are kept; 1..100
  // Of the operator alone; a sidecar ignores them.
  Guards guards;
  int priority = 0;                     // where reloads wait for one another; -1000..1000, the higher first
  std::vector<std::string> depends_on;  // policies of the namespace whose reloads come first
};

// Reads a whole ReloadPolicy document (apiVersion, kind, metadata, spec) or a bare spec, YAML or JSON, at
// most 256 KiB. On failure the detail holds one line per mistake, each "place: value: what is wrong; fix".
// Unknown fields are mistakes.
Result<PolicySpec> parse_policy(std::string_view text, std::string_view file_name);

// The spec as JSON text, with defaults written out; parse_policy reads it back to the same value.
std::string policy_to_json(const PolicySpec& spec);

}  // namespace sidestep::policy
