// What a decision asks of the outside world: a list of actions, and when to look again. io/apply.cc performs
// them in order and stops at the first that fails; the next look decides anew from what is then observed, so
// every action may be repeated without harm.
//
// Order matters: a record is written before the commands that follow from it (a step is written to the
// Reload's status before any sidecar gets its weight), and an object is created before the token that asked
// for it counts as handled. Two things are done at the same time: what neighbouring actions ask of several
// pods, and a policy's finalizer with the Reload that is created after it.
#pragma once

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "lib/base/clock.h"
#include "lib/policy/pins.h"
#include "operator/api/reload.h"
#include "operator/api/reload_policy.h"
#include "operator/core/observed.h"

namespace sidestep::op {

enum class Subject : std::uint8_t { kPolicy, kReload };

struct PodRef {
  std::string name;
  std::string uid;
  bool operator==(const PodRef&) const = default;
};

// POST. AlreadyExists is success: the name is made from policy UID and token.
struct CreateReload {
  std::string name;
  api::ReloadSpec spec;
  bool begins = false;  // nothing stands in its way: it is made with the finalizer of a running one
};
// The whole status; sent as a merge patch of the status subresource with the resourceVersion observed.
struct PatchPolicyStatus {
  api::ReloadPolicyStatus status;
};
struct PatchReloadStatus {
  std::string name;
  api::ReloadStatus status;
};
// A place in the budget (io/slots.h); without one the rest of the plan waits.
struct TakeSlot {
  std::string reload;
};
struct AddFinalizer {
  Subject subject;
  std::string name;
};
struct RemoveFinalizer {
  Subject subject;
  std::string name;
};
// Precondition: the uid observed. NotFound is success.
struct DeleteReload {
  std::string name;
  std::string uid;
};
// Annotation sidestep.dev/refresh on the pod: the kubelet then brings its mounted volumes up to date within
// about 2 s.
struct RefreshPod {
  PodRef pod;
  std::string value;
};
// Annotation sidestep.dev/handled-reload on the pod: this token asks for nothing more.
struct MarkPod {
  PodRef pod;
  std::string token;
  bool operator==(const MarkPod&) const = default;
};
// What the pinned sources hold now, all read anew, becomes their copies of this kind. With a hash: only that
// content. `maker`: UID of the Reload that it is for, or kFirstSight.
struct CopySources {
  policy::Copy to = policy::Copy::kStaged;
  std::string maker;
  std::string hash;
  bool operator==(const CopySources&) const = default;
};
// One copy of one source takes the place of another. `source`: index into spec.triggers.sources. `maker` ""
// stays what it is.
struct CloneCopy {
  std::size_t source = 0;
  policy::Copy from = policy::Copy::kStaged;
  policy::Copy to = policy::Copy::kKept;
  std::string maker = {};
  bool operator==(const CloneCopy&) const = default;
};
// Precondition: UID and version observed. NotFound is success; a missing right is no failure of the plan, but
// seen by the next look (LeftPin::problem).
struct RemoveCopy {
  LeftCopy copy;
  bool operator==(const RemoveCopy&) const = default;
};
// POST /v1/policy with policy_to_json(spec) of the observed policy, for the reload that follows: a refusal is
// a refusal of that reload.
struct SidecarPolicy {
  PodRef pod;
  std::string id;
};
// POST /v1/reload with managed: true. The same id again does nothing.
struct SidecarReload {
  PodRef pod;
  std::string id;
  std::string token;
  std::string reason;
  std::string requested_by;  // "reload/NAME"
  Seconds deadline{600};     // of silence, after which the sidecar takes the candidate back by itself
};
struct SidecarWeight {  // POST /v1/weight
  PodRef pod;
  std::string id;
  int weight_per_ten_thousand = 0;
};
struct SidecarPromote {  // POST /v1/promote
  PodRef pod;
  std::string id;
  bool force = false;  // in Starting too, and when active is dead
};
struct SidecarAbort {  // POST /v1/abort
  PodRef pod;
  std::string id;
  std::string reason;
};
// A question to a Prometheus server; answered by an AnalysisReply of the same key. One that is on its way, or
// answered, is not asked again.
struct MeasureMetric {
  std::string key;
  std::string address;
  std::string query;
};
// POST to a webhook, answered likewise.
struct CallWebhook {
  std::string key;
  std::string url;
  Seconds timeout{10};
  std::string name;
  std::string when;    // of the webhook: BeforeStart, EachStep, Promote
  std::string reload;  // name
  int step = 0;
};
enum class EventType : std::uint8_t { kNormal, kWarning };
// events.k8s.io/v1. Best effort: a failure is logged and never stops the plan.
struct EmitEvent {
  Subject subject;
  std::string name;
  EventType type = EventType::kNormal;
  std::string reason;  // CamelCase
  std::string action;  // CamelCase, what was done
  std::string note;    // at most 1024 bytes
};

using Action = std::variant<CreateReload, PatchPolicyStatus, PatchReloadStatus, TakeSlot, AddFinalizer,
                            RemoveFinalizer, DeleteReload, RefreshPod, MarkPod, CopySources, CloneCopy,
                            RemoveCopy, SidecarPolicy, SidecarReload, SidecarWeight, SidecarPromote,
                            SidecarAbort, MeasureMetric, CallWebhook, EmitEvent>;

struct Plan {
  std::vector<Action> actions;
  std::optional<Millis> requeue_after;  // absent: nothing to wait for, the next change wakes us
  std::vector<std::string> decisions;   // why, one sentence each, for logs and `kubectl sidestep why`
};

}  // namespace sidestep::op
