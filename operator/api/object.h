// What every Kubernetes object of ours has: metadata, and conditions by the API conventions
// (sig-architecture, api-conventions.md, "Typical status properties"). Plain values; wire.h turns them into
// JSON and back.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/clock.h"
#include "lib/base/utf8.h"

namespace sidestep::api {

inline constexpr const char* kGroupVersion = "sidestep.dev/v1alpha1";
inline constexpr const char* kReloadAnnotation =
    "sidestep.dev/reload";  // on a policy, its workload or one of its pods: a token
// On a Pod, by the operator: the token of its annotation whose Reload was seen.
inline constexpr const char* kHandledAnnotation = "sidestep.dev/handled-reload";
// On a Reload; operator/core/commands.h says what each means.
inline constexpr const char* kPromoteAnnotation = "sidestep.dev/promote";     // "true", "full" or "force"
inline constexpr const char* kAbortAnnotation = "sidestep.dev/abort";         // "true" or a reason
inline constexpr const char* kPauseAnnotation = "sidestep.dev/pause";         // "true"
inline constexpr const char* kSkipStepAnnotation = "sidestep.dev/skip-step";  // the step's number, from 1
inline constexpr const char* kRetryAnnotation = "sidestep.dev/retry";         // "true", once it is over
inline constexpr const char* kApprovePrefix = "approve.sidestep.dev/";  // and a name; the value is a user's
inline constexpr const char* kRefreshAnnotation = "sidestep.dev/refresh";  // on a Pod, by the operator
inline constexpr const char* kReloadFinalizer = "sidestep.dev/reload";

struct ObjectMeta {
  std::string name;
  std::string name_space;
  std::string uid;
  std::string resource_version;
  std::int64_t generation = 0;
  WallTime creation_time{};
  std::optional<WallTime> deletion_time;
  std::map<std::string, std::string> labels;
  std::map<std::string, std::string> annotations;
  std::vector<std::string> finalizers;

  // The annotation's value, "" when absent.
  std::string annotation(const std::string& key) const;
  bool has_finalizer() const;  // ours
};

enum class ConditionStatus : std::uint8_t { kTrue, kFalse, kUnknown };

struct Condition {
  std::string type;
  ConditionStatus status = ConditionStatus::kUnknown;
  std::string reason;               // one CamelCase word
  std::string message;              // for a person
  WallTime last_transition_time{};  // changes with `status` only
  std::int64_t observed_generation = 0;
  bool operator==(const Condition&) const = default;
};

// nullptr when absent.
const Condition* find_condition(const std::vector<Condition>& conditions, const std::string& type);

using sidestep::clip;

struct PodCounts {
  int desired = 0;  // pods that are meant to end on the candidate
  int updated = 0;  // pods whose candidate was promoted
  int ready = 0;    // pods Ready with a sidecar that answers
  int failed = 0;
  bool operator==(const PodCounts&) const = default;
};

}  // namespace sidestep::api
