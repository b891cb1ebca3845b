#include "sidecar/core/model_fields.h"

namespace sidestep::sidecar {

PolicyPtr policy_from(const std::string& text) {
  Result<policy::PolicySpec> spec = policy::parse_policy(text, "handover");
  return spec ? std::make_shared<const policy::PolicySpec>(*std::move(spec)) : nullptr;
}

std::string text_of(const PolicyPtr& policy) {
  return policy == nullptr ? std::string() : policy::policy_to_json(*policy);
}

}  // namespace sidestep::sidecar
