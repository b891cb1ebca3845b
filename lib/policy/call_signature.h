// Calls of CI systems and people: `POST /reload`, signed with a shared key (docs/contracts.md, "Signed
// calls"). HMAC-SHA256 (RFC 2104), since any shell can make it with openssl. Pure.
//
// Weaker than the operator's commands (signature.h): whoever can check such a call can also make one. So it
// starts a reload and nothing else.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/clock.h"

namespace sidestep::policy {

inline constexpr std::size_t kLeastCallKeyBytes = 16;

struct CallHead {
  std::string method;
  std::string target;  // path with the query
  std::string body_sha256;
  std::int64_t time_ms = 0;  // Unix
  std::string nonce;         // 32 hex digits
};
std::string canonical(const CallHead& head);

std::string sign_call(const CallHead& head, std::string_view key);  // 64 hex digits
// By any of the keys: two are valid while one replaces the other. Takes the same time whichever it is.
bool is_signed_by(const CallHead& head, std::string_view signature, const std::vector<std::string>& keys);

// At most `most` calls in any span of `per`. Ask for calls that were found genuine.
class CallRate {
 public:
  explicit CallRate(std::size_t most = 6, Seconds per = Seconds{60}) : most_(most), per_(per) {}
  // Zero: it may pass, and counts. Otherwise how long to wait.
  Millis admit(TimePoint now);

 private:
  const std::size_t most_;
  const Seconds per_;
  std::vector<TimePoint> passed_;  // of the last span, oldest first
};

}  // namespace sidestep::policy
