#include "operator/api/object.h"

#include <algorithm>

#include "operator/api/reload.h"

namespace sidestep::api {

std::string ObjectMeta::annotation(const std::string& key) const {
  const auto found = annotations.find(key);
  return found == annotations.end() ? std::string() : found->second;
}

bool ObjectMeta::has_finalizer() const {
  return std::find(finalizers.begin(), finalizers.end(), kReloadFinalizer) != finalizers.end();
}

const Condition* find_condition(const std::vector<Condition>& conditions, const std::string& type) {
  const auto found =
      std::find_if(conditions.begin(), conditions.end(), [&](const Condition& c) { return c.type == type; });
  return found == conditions.end() ? nullptr : &*found;
}

bool is_final(ReloadPhase phase) {
  return phase == ReloadPhase::kSucceeded || phase == ReloadPhase::kFailed || phase == ReloadPhase::kAborted;
}

}  // namespace sidestep::api
