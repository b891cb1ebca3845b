// ReloadPolicy (short name rp): how the pods of a workload are reloaded. Spec by lib/policy, status below.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "lib/policy/spec.h"
#include "operator/api/object.h"

namespace sidestep::api {

inline constexpr std::size_t kMostHandledTokens = 16;

// A cache but for handled_tokens, target_uid, the hashes, last_schedule_time and pinned_sources: the rest can
// be worked out anew from pods and Reloads.
struct ReloadPolicyStatus {
  std::int64_t observed_generation = 0;     // 0: never visited
  std::vector<std::string> handled_tokens;  // newest first, at most kMostHandledTokens
  std::string target_uid;                   // the workload whose token was adopted at first sight
  std::string last_reload;                  // name of the Reload that started last
  // Of the named ConfigMaps and Secrets, keyed (operator/core/triggers.h); "" when there are none.
  std::string desired_hash;
  std::string applied_hash;
  std::string previous_hash;   // applied before that
  std::string attempted_hash;  // for which a reload was started last
  std::optional<WallTime> last_schedule_time;
  std::vector<std::string> pinned_sources;  // of which there may be copies (operator/api/pinned.h)
  PodCounts pods;
  std::vector<Condition> conditions;
  bool operator==(const ReloadPolicyStatus&) const = default;
};

struct ReloadPolicy {
  ObjectMeta meta;
  policy::PolicySpec spec;  // the defaults when spec_error is set
  std::string spec_error;   // every mistake, one per line; "" when the spec is valid
  ReloadPolicyStatus status;
};

}  // namespace sidestep::api
