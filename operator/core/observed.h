// Everything that a decision of the operator may look at, as one value. io/gather.cc fills it in; nothing
// here is ever written back. One Observed is about one policy name in one namespace.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "lib/base/clock.h"
#include "lib/policy/content.h"
#include "lib/policy/debounce.h"
#include "lib/policy/latency.h"
#include "operator/api/reload.h"
#include "operator/api/reload_policy.h"

namespace sidestep::op {

// reload.phase of the sidecar's status (docs/contracts.md).
enum class SidecarPhase : std::uint8_t {
  kStarting,
  kJudging,
  kDraining,  // promoted; the retiring generation finishes
  kSucceeded,
  kFailed,
  kAborted,
  kInterrupted,  // the proxy was restarted; nobody's fault
  kSuperseded,
};

struct GenerationCounts {
  int generation = 0;
  std::int64_t requests = 0;
  std::int64_t errors = 0;
  std::optional<WallTime> started_at = {};
  policy::Latency latency = {};  // of answers; empty: an older sidecar, or there were none
};

// Both since the candidate's first request.
struct JudgedCounts {
  GenerationCounts active;
  GenerationCounts candidate;
};

// `reload` of the sidecar's status: the running one, or the last.
struct SidecarRun {
  std::string id;
  std::string token;
  SidecarPhase phase = SidecarPhase::kStarting;
  std::string reason;   // CamelCase, "" while it runs
  std::string message;  // for a person; may hold the candidate's last lines
  int generation = 0;   // the candidate's
  int weight_per_ten_thousand = 0;
  bool ready = false;  // Judging, or later: the candidate answered its probes
  bool managed = false;
  api::Receipt receipt;                     // of this pod
  std::optional<JudgedCounts> judged = {};  // absent: a sidecar that does not tell
};

struct SidecarStatus {
  std::string version;
  std::string boot_id;
  std::vector<policy::SourceContent> sources;  // what the pod's mounts hold now; those it was told to report
  GenerationCounts active;
  std::optional<GenerationCounts> candidate;
  std::optional<SidecarRun> run;
  std::string active_config = {};  // hash of the snapshot that active runs with; "" without one
};

enum class Reach : std::uint8_t {
  kNotAsked,     // not yet, or the pod has no address
  kReachable,    // `sidecar` is set and fresh
  kUnreachable,  // no answer, or one that does not prove the pod's identity; reach_message says which
  kRefused,      // it answers and refuses us (key, epoch); reach_message says why
};

// The sidecar said no to a command in a way that trying again will not change (4xx but 409 of kind "busy").
struct CommandRefusal {
  std::string reload_id;
  std::string message;
};

// A way in which a container has an object that no copy can stand in for: environment, subPath, projected
// volume.
struct FixedUse {
  std::string source;  // "ConfigMap/shop-config"
  std::string how;     // "container shop: envFrom"
  bool operator==(const FixedUse&) const = default;
};

struct ObservedPod {
  std::string name;
  std::string uid;
  std::string template_hash;  // label pod-template-hash or controller-revision-hash; "" for bare pods
  std::string node;
  std::string zone;  // label topology.kubernetes.io/zone; "" when it carries none
  WallTime creation_time{};
  bool is_ready = false;        // condition Ready
  bool is_terminating = false;  // deletionTimestamp is set, or phase Succeeded or Failed
  bool has_sidecar = false;     // a container named `sidestep` with port `sidestep-ctl`
  // A kubelet probe of the app container points at a port that the proxy owns ("" when none does): its
  // description.
  std::string probe_through_proxy;
  std::string refresh;             // value of the annotation sidestep.dev/refresh
  std::string reload_token = {};   // its annotation sidestep.dev/reload
  std::string handled_token = {};  // its annotation sidestep.dev/handled-reload
  bool mounts_config = true;       // some ConfigMap or Secret of its own: the kubelet may be behind with it
  std::vector<FixedUse> fixed_uses = {};
  Reach reach = Reach::kNotAsked;
  std::string reach_message;
  std::optional<SidecarStatus> sidecar;
  std::optional<CommandRefusal> refusal;  // the last command's, when it was refused for good
};

struct ObservedWorkload {
  std::string kind;
  std::string name;
  std::string uid;
  std::string reload_token;   // its annotation sidestep.dev/reload
  std::string template_hash;  // of the template it wants now; "" when not known (policies with a selector)
  int replicas = 0;           // wanted
  // Its controller is replacing pods: status.observedGeneration behind, or not all replicas updated.
  bool is_rolling_out = false;
  int partition = 0;                // StatefulSet: pods of a lower ordinal are left alone
  std::string template_token = {};  // the annotation sidestep.dev/reload of its pod template
};

// One copy of a pinned source (lib/policy/pins.h), as its annotations say.
struct ObservedCopy {
  std::string maker = {};  // UID of the Reload that it was made for, or kFirstSight; "": there is no copy
  std::string hash = {};   // of all sources of the policy when it was made, keyed
  policy::Digests digests = {};  // of all its keys
  bool operator==(const ObservedCopy&) const = default;
};
inline constexpr const char* kFirstSight = "first-sight";

struct ObservedPin {
  std::size_t source = 0;  // index into spec.triggers.sources
  ObservedCopy kept = {};
  ObservedCopy staged = {};
  ObservedCopy previous = {};
};

struct ObservedPins {
  bool is_known = false;
  std::vector<ObservedPin> pins;  // one for each pinned source
  std::string problem;            // why they cannot be read
  bool is_forbidden = false;
};

// A copy of ours that is still there.
struct LeftCopy {
  std::string object;  // "ConfigMap/sidestep-kept-…"
  std::string uid;
  std::string version;  // resourceVersion
  bool operator==(const LeftCopy&) const = default;
};

// A source that is pinned no longer, and what is left of its copies.
struct LeftPin {
  policy::Source source = {};
  std::vector<std::string> mounted_by = {};  // pods that may still read a copy, by name
  bool is_known = false;
  std::vector<LeftCopy> copies = {};
  std::string problem = {};  // why nothing is known of them, or why they cannot be removed
  bool is_forbidden = false;
};

// The ConfigMaps and Secrets that the policy names.
struct ObservedSources {
  std::vector<policy::SourceContent>
      contents;              // keys that count, one per source of the policy; empty until all are known
  std::string hash;          // of `contents`, keyed; "" until all are known
  policy::Debounce changes;  // of `hash`
  struct Problem {
    policy::SourceKind kind = policy::SourceKind::kConfigMap;
    std::string name;
    bool is_forbidden = false;
    std::string message;
  };
  std::vector<Problem> problems;  // sources that cannot be read
};

// The API server refused a write for good (403, 422); nothing goes on until it is put right.
struct WriteRefusal {
  bool is_forbidden = false;  // 403; otherwise the object is not valid
  std::string message;
};

// Another policy in the namespace that matches at least one of our pods.
struct RivalPolicy {
  std::string name;
  std::string uid;
  WallTime creation_time{};
};

// How many Reloads may run at the same time; 0: any number.
struct Budget {
  int in_cluster = 0;
  int in_namespace = 0;
};

// A Reload of another policy that runs, or waits for the budget alone.
struct OtherReload {
  std::string name_space;
  std::string uid;
  bool is_running = false;
  int priority = 0;
  WallTime creation_time{};
};

// A policy that spec.dependsOn names.
struct Dependency {
  std::string policy;
  bool exists = true;
  bool is_cycle = false;              // it waits for us, be it through others
  std::string unfinished;             // what of it is not over; "" when nothing is
  std::optional<WallTime> failed_at;  // its last Reload did not succeed, and ended then
};

// What a question of the plan (MeasureMetric, CallWebhook) came to.
struct AnalysisReply {
  std::string key;              // the question's
  WallTime time{};              // when it was asked
  std::optional<double> value;  // of a metric; absent: no data
  bool passed = false;          // of a webhook
  std::string message;          // why there is no data, or what the webhook said
};

// A PodDisruptionBudget that covers pods of the policy.
struct DisruptionBudget {
  std::string name;
  int allowed = 0;                // status.disruptionsAllowed
  bool is_known = false;          // its controller has seen the newest spec
  std::vector<std::string> pods;  // UIDs
};

struct Observed {
  std::string name_space;
  std::string policy_name;
  std::string key() const { return name_space + "/" + policy_name; }
  std::optional<api::ReloadPolicy> policy;   // absent: deleted, while Reloads for it exist
  std::optional<ObservedWorkload> workload;  // absent: no such object, or the policy has a selector
  std::vector<ObservedPod> pods;             // all that match; only those of `has_sidecar` were asked
  std::vector<api::Reload> reloads;          // spec.policyRef names this policy; any order
  std::vector<RivalPolicy> rivals;
  ObservedSources sources;
  ObservedPins pins;
  std::vector<LeftPin> left;                  // one for each of api::unpinned_sources
  std::optional<WriteRefusal> refused_write;  // the last plan ended with it
  Budget budget;
  std::vector<OtherReload> others;  // empty without a budget
  std::vector<Dependency> dependencies;
  std::vector<std::string> analysis_allow;  // --analysis-allow; empty where the policy asks nobody
  std::vector<AnalysisReply> replies;       // of this policy's Reloads; any order
  std::vector<DisruptionBudget> disruption_budgets;
  bool namespace_terminating = false;
  // When a pod that did not answer, or refused, is to be asked again; absent when all did.
  std::optional<Millis> ask_again;
  Millis rest{60'000};           // until a policy with nothing to do is looked at again all the same
  std::string operator_version;  // decides which sidecars are compatible: same major, minor at most one away
};

}  // namespace sidestep::op
