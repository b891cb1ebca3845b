#include "operator/api/object.h"

#include <algorithm>
#include <cctype>

#include "lib/policy/signature.h"
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

std::string reload_name(const std::string& policy_name, const std::string& policy_uid,
                        const std::string& token) {
  constexpr std::size_t kMostName = 242;  // 253 less "-" and 10 digits
  return policy_name.substr(0, kMostName) + "-" + policy::sha256_hex(policy_uid + "\n" + token).substr(0, 10);
}

std::string approval_key(const std::string& user) {
  constexpr std::size_t kMostKeyName = 63;
  constexpr std::size_t kHashDigits = 40;
  const auto plain = [](unsigned char c) { return c < 0x80 && std::isalnum(c) != 0; };
  const auto inner = [&](char c) { return plain(c) || c == '-' || c == '_' || c == '.'; };
  const bool is_key = !user.empty() && user.size() <= kMostKeyName && plain(user.front()) &&
                      plain(user.back()) && std::all_of(user.begin(), user.end(), inner);
  return kApprovePrefix + (is_key ? user : "sha256-" + policy::sha256_hex(user).substr(0, kHashDigits));
}

std::string retry_token(const std::string& reload_uid) { return "retry-" + reload_uid; }

}  // namespace sidestep::api
