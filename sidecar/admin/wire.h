// The JSON shapes of the control API (docs/contracts.md, docs/api/control.openapi.yaml), as plain structs
// that server and command line share. Text in, text out: no JSON type crosses this header.
//
// Reading an answer ignores fields that it does not know and leaves absent ones at their default, so that a
// command line one minor version older or newer still understands. Pure; any thread.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "lib/base/result.h"
#include "lib/policy/content.h"
#include "lib/policy/latency.h"

namespace sidestep::sidecar::wire {

struct Generation {
  std::uint32_t generation = 0;
  int pid = 0;  // 0: attached, or between two lives
  std::string address;
  std::string started_at;  // RFC 3339
  std::uint64_t requests = 0;
  std::uint64_t in_flight = 0;
  std::uint64_t errors = 0;
  int weight_per_ten_thousand = 0;
  bool ready = false;
  std::string config_hash;
  int restarts = 0;
  bool operator==(const Generation&) const = default;
};

struct Receipt {
  std::map<std::uint32_t, std::uint64_t> requests;  // by generation
  std::uint64_t held = 0;
  std::uint64_t retried = 0;
  std::uint64_t failed = 0;
  std::int64_t longest_hold_ms = 0;
  std::uint64_t connections_cut = 0;
  std::uint64_t tunnels_told = 0;
  std::int64_t start_ms = 0;
  std::int64_t judge_ms = 0;
  std::int64_t drain_ms = 0;
  std::int64_t total_ms = 0;
  std::int64_t overhead_ms = 0;
  bool operator==(const Receipt&) const = default;
};

struct Exit {
  int status = 0;
  int signal = 0;  // 0: it exited by itself, with `status`
  bool operator==(const Exit&) const = default;
};

struct Judged {
  std::uint64_t requests = 0;
  std::uint64_t errors = 0;
  policy::Latency latency = {};  // left out while nothing was answered
  bool operator==(const Judged&) const = default;
};

struct Reload {
  std::string id;
  std::string token;
  std::string policy_uid;
  std::string phase;   // Starting Judging Draining Succeeded Failed Aborted Interrupted Superseded
  std::string reason;  // one CamelCase word; empty while it runs
  std::string message;
  std::string requested_by;
  std::string asked_reason;
  std::uint32_t generation = 0;
  int step = 0;
  int steps = 0;
  int weight_per_ten_thousand = 0;
  bool managed = false;
  std::string started_at;
  std::string ready_at;  // empty: not yet
  std::string ended_at;  // empty: not yet
  std::optional<Exit> exit;
  std::vector<std::string> output;
  Receipt receipt;
  Judged judged_active;  // both since the candidate's first request
  Judged judged_candidate;
  bool operator==(const Reload&) const = default;
};

// The newest replacement of the worker by another.
struct Upgrade {
  std::uint64_t upgrade = 0;
  std::string phase;  // Running Succeeded Failed
  std::string message;
  bool operator==(const Upgrade&) const = default;
};

struct Status {
  std::string version;
  std::string boot_id;
  std::string pod_uid;
  std::string phase;
  bool paused = false;
  bool listening = false;
  bool launcher_connected = false;
  bool ready = false;  // what /readyz says
  std::string not_ready_why;
  std::uint64_t held = 0;
  std::optional<Generation> active;
  std::optional<Generation> candidate;
  std::vector<Generation> retiring;
  std::optional<Reload> reload;
  std::vector<std::string> warnings;
  std::vector<policy::SourceContent> sources;  // what the pod's mounts hold now
  std::optional<Upgrade> upgrade;
  std::uint64_t old_workers = 0;  // replaced, and not done yet
  bool operator==(const Status&) const = default;
};

struct Decision {
  std::string time;
  std::string what;
  std::string why;
  bool operator==(const Decision&) const = default;
};

struct Step {
  int weight_per_ten_thousand = 10'000;
  std::int64_t pause_seconds = 0;
  bool operator==(const Step&) const = default;
};

// Body of POST /v1/reload.
struct ReloadRequest {
  std::string id;
  std::string token;
  std::string reason;
  std::string requested_by;
  std::string policy_uid;
  std::vector<std::string> command;                      // Unix socket only
  std::vector<std::pair<std::string, std::string>> env;  // Unix socket only
  std::string attach;                                    // Unix socket only: ADDR:PORT or unix:/path
  bool force = false;
  bool managed = false;
  std::vector<Step> steps;
  std::int64_t deadline_seconds = 0;  // 0: none
  bool operator==(const ReloadRequest&) const = default;
};

// Answer of POST /reload?wait=.
struct Outcome {
  std::string reload;
  std::string phase;
  std::string reason;
  std::string message;
};

// Body of the other POST calls; each uses a part of it.
struct SteerRequest {
  std::string reload;
  std::string reason;
  bool force = false;
  std::optional<int> weight_per_ten_thousand;
  bool operator==(const SteerRequest&) const = default;
};

// Body of POST /v1/upgrade.
struct UpgradeRequest {
  std::vector<std::string> options;  // of the new worker, in place of the present ones of the same name
  bool operator==(const UpgradeRequest&) const = default;
};

struct Failure {
  std::string kind;     // invalid unsigned refused not_found not_allowed conflict stale limited unavailable
  std::string message;  // one sentence for a person
  bool operator==(const Failure&) const = default;
};

// What to do with a field that this version does not know: a person's slip is refused, a newer operator's
// addition is not.
enum class Unknown : std::uint8_t { kRefuse, kIgnore };

std::string write(const Status& status);
std::string write(const std::vector<Decision>& decisions);
std::string write(const ReloadRequest& request);
std::string write_outcome(const Outcome& outcome);
std::string write(const SteerRequest& request);
std::string write(const Failure& failure);
std::string write_reload_answer(const std::string& reload);  // {"reload": ID}
std::string write(const UpgradeRequest& request);
std::string write_upgrade_answer(std::uint64_t upgrade);  // {"upgrade": N}

// The errors name every wrong field with its value. An empty text is an empty request.
Result<Status> read_status(std::string_view text);
Result<std::vector<Decision>> read_decisions(std::string_view text);
Result<ReloadRequest> read_reload_request(std::string_view text, Unknown unknown);
Result<SteerRequest> read_steer_request(std::string_view text, Unknown unknown);
Result<Failure> read_failure(std::string_view text);
Result<std::string> read_reload_answer(std::string_view text);
Result<UpgradeRequest> read_upgrade_request(std::string_view text);
Result<std::uint64_t> read_upgrade_answer(std::string_view text);

// Of Reload::phase.
bool has_ended(std::string_view reload_phase);

}  // namespace sidestep::sidecar::wire
