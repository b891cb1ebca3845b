// Makes keys and certificates (P-256) for a server inside a cluster: an authority of its own, and what it
// signs. Stores nothing and reads no clock. Any thread.
#pragma once

#include <string>
#include <vector>

#include "lib/base/clock.h"
#include "lib/base/result.h"

namespace sidestep::front {

struct CertificatePem {
  std::string certificate;
  std::string key;
};

// Valid from an hour before `now`, for clocks that differ.
CertificatePem make_authority(const std::string& name, WallTime now, Seconds lifetime);

// For servers of these names ("a.ns.svc", "127.0.0.1"), the first of which is its common name. Fails when
// `authority` cannot be read. REQUIRES: at least one name.
Result<CertificatePem> make_server_certificate(const CertificatePem& authority,
                                               const std::vector<std::string>& names, WallTime now,
                                               Seconds lifetime);

}  // namespace sidestep::front
