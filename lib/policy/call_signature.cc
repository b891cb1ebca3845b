#include "lib/policy/call_signature.h"

#include <algorithm>

#include "lib/policy/signature.h"

namespace sidestep::policy {

std::string canonical(const CallHead& head) {
  return "sidestep-call-v1\n" + head.method + "\n" + head.target + "\n" + head.body_sha256 + "\n" +
         std::to_string(head.time_ms) + " " + head.nonce;
}

std::string sign_call(const CallHead& head, std::string_view key) {
  return hmac_sha256_hex(key, canonical(head));
}

bool is_signed_by(const CallHead& head, std::string_view signature, const std::vector<std::string>& keys) {
  bool found = false;
  for (const std::string& key : keys) {
    const bool fits = equal_in_constant_time(sign_call(head, key), signature);
    found = found || (fits && key.size() >= kLeastCallKeyBytes);
  }
  return found;
}

Millis CallRate::admit(TimePoint now) {
  std::erase_if(passed_, [&](TimePoint at) { return now - at >= per_; });
  if (passed_.size() < most_) {
    passed_.push_back(now);
    return Millis{0};
  }
  return std::max(Millis{1}, std::chrono::ceil<Millis>(passed_.front() + per_ - now));
}

}  // namespace sidestep::policy
