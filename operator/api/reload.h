// Reload (short name rl): one run over the pods of a policy, from trigger to verdict, and its record.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <vector>

#include "operator/api/object.h"

namespace sidestep::api {

inline constexpr std::size_t kMostFailedPods = 20;
inline constexpr std::size_t kMostMessageBytes = 1024;
inline constexpr std::size_t kMostReasonBytes = 256;  // of a metric or webhook

// What candidates of pinned sources get; without such sources it is always kSource.
enum class ReloadContent : std::uint8_t {
  kSource,    // what the sources hold
  kKept,      // what the other pods run
  kPrevious,  // what was kept before that
};

struct ReloadSpec {    // immutable
  std::string policy;  // policyRef.name
  std::string token;
  std::string reason;
  std::string pod = {};  // podName: that pod alone; "" all pods of the policy
  ReloadContent content = ReloadContent::kSource;
};

// A print column; conditions are the contract.
enum class ReloadPhase : std::uint8_t {
  kPending,      // not started; condition Progressing says what it waits for
  kProgressing,  // walking the steps
  kPaused,       // by annotation, or giving way to a rollout of the workload
  kRollingBack,  // candidates are being taken back
  kSucceeded,
  kFailed,
  kAborted,
};

bool is_final(ReloadPhase phase);

// The name of the Reload for a token: POLICY-<10 hex digits of SHA-256 over policy UID, newline, token>. The
// same token gives the same name, so that it cannot start two.
std::string reload_name(const std::string& policy_name, const std::string& policy_uid,
                        const std::string& token);

// The token of the Reload that tries the one of this UID again.
std::string retry_token(const std::string& reload_uid);

// The annotation of a Reload by which that user approves it. A key of its own for each, so that approvals at
// the same moment do not meet; a user name that cannot be part of a key is there by its hash.
std::string approval_key(const std::string& user);

struct FailedPod {
  std::string name;
  int generation = 0;
  std::string reason;
  std::string message;
  bool operator==(const FailedPod&) const = default;
};

struct ReloadStep {
  int pods = 0;  // how many, cumulative, as counted when the step started
  int weight_per_ten_thousand = 0;
  std::optional<WallTime> start_time;
  std::optional<WallTime> reached_time;  // every pod of the step has the weight; the pause counts from here
  std::optional<WallTime> end_time;
  std::string verdict = {};  // over the fleet at its end: Good, TooLittle or NoData; "" before
  bool operator==(const ReloadStep&) const = default;
};

// What analysis.metrics were found to be. The counts make it certain that no measurement counts twice,
// whoever leads.
struct MetricState {
  std::string name;
  std::string verdict = {};  // of the last measurement: Good, Bad or NoData
  std::string value = {};    // "" when there was none
  std::string message = {};  // why it is not Good; else ""
  int measurements = 0;
  int failures = 0;
  std::optional<WallTime> time = {};  // of the last one
  bool operator==(const MetricState&) const = default;
};

struct WebhookState {
  std::string name;
  int step = 0;  // for which `failures` and `passed` hold
  bool passed = false;
  std::string message = {};  // the last answer's; else ""
  int calls = 0;
  int failures = 0;                   // in a row
  std::optional<WallTime> time = {};  // of the last call
  bool operator==(const WebhookState&) const = default;
};

// Sums over the pods of the run. requests: by whom they were answered.
struct Receipt {
  std::int64_t active_requests = 0;
  std::int64_t candidate_requests = 0;
  std::int64_t held = 0;
  std::int64_t retried = 0;
  std::int64_t failed = 0;
  std::int64_t longest_hold_ms = 0;
  std::int64_t connections_cut = 0;
  std::int64_t duration_ms = 0;
  bool operator==(const Receipt&) const = default;
};

struct ReloadStatus {
  std::int64_t observed_generation = 0;
  ReloadPhase phase = ReloadPhase::kPending;
  std::optional<WallTime> start_time;
  std::optional<WallTime> end_time;
  std::optional<WallTime>
      progress_time;                    // when something last moved; progressDeadlineSeconds counts from here
  std::optional<WallTime> paused_time;  // since when the run stands still
  std::string
      config_hash;  // of the sources when the run began; "" when there are none, or they are not known
  std::string template_hash;  // the run covers pods of this template
  std::string end_reason;     // why it is rolled back or over; set before the first candidate is taken back
  std::string end_message;
  ReloadPhase end_phase = ReloadPhase::kFailed;  // what RollingBack ends in
  int step = 0;                                  // from 1; 0 before the first
  PodCounts pods;
  std::vector<FailedPod> failed_pods;  // at most kMostFailedPods
  bool truncated = false;              // failed_pods left some out
  std::vector<ReloadStep> steps;       // those that were begun
  std::vector<MetricState> metrics;    // those of the policy that were measured
  std::vector<WebhookState> webhooks;  // those that were called
  Receipt receipt;
  std::vector<Condition> conditions;
  bool operator==(const ReloadStatus&) const = default;
};

struct Reload {
  ObjectMeta meta;
  ReloadSpec spec;
  ReloadStatus status;
};

}  // namespace sidestep::api
