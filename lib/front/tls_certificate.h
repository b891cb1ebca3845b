// A certificate chain with its private key, read from PEM text and checked: the key fits, the text can be
// read. Immutable and shared; any thread. Reads no files and no clock: whether it has expired is judge()'s
// answer for a given time.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/clock.h"
#include "lib/base/result.h"

struct ssl_ctx_st;

namespace sidestep::front {

class TlsCertificate {
 public:
  // `chain`: the certificate, then those that lead to its root. `key`: without a password. The error says
  // which of the two is wrong and how.
  static Result<std::shared_ptr<const TlsCertificate>> from_pem(std::string_view chain, std::string_view key);

  // DNS names of the subject's alternative names, or of its common name when it has none.
  const std::vector<std::string>& names() const { return names_; }
  WallTime not_before() const { return not_before_; }
  WallTime not_after() const { return not_after_; }

  // Private to lib/front: into an OpenSSL context. False when it does not take it.
  bool give_to(ssl_ctx_st* context) const;

 private:
  struct Held;
  explicit TlsCertificate(std::shared_ptr<const Held> held);

  std::shared_ptr<const Held> held_;
  std::vector<std::string> names_;
  WallTime not_before_{};
  WallTime not_after_{};
};
using TlsCertificatePtr = std::shared_ptr<const TlsCertificate>;

// May `fresh` take the place of what is used now? A certificate that no client accepts never replaces one
// that works.
enum class CertificateVerdict : std::uint8_t { kUse, kExpired, kNotYetValid };
CertificateVerdict judge(WallTime not_before, WallTime not_after, WallTime now);
std::string_view to_string(CertificateVerdict verdict);

}  // namespace sidestep::front
