// A certificate with its key, as files that may change: a folder with tls.crt and tls.key (a mounted Secret),
// or one PEM file with both.
//
// Files that cannot be read, do not fit together, have expired or are not valid yet never take the place of a
// pair that works; they are logged and counted, and looked at again when they change. At the start an expired
// pair is used nevertheless: there is nothing better, and the log says so. Reads files, on the control thread
// only; when to look is its owner's business.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "lib/base/clock.h"
#include "lib/base/result.h"
#include "lib/front/tls_certificate.h"
#include "sidecar/core/snapshot.h"

namespace sidestep::sidecar {

class CertificatePair {
 public:
  // Whether TLS takes it (a key may be too short).
  using Check = std::function<Status(const front::TlsCertificatePtr&)>;

  // `judges`: who is shown it, for the log: "clients".
  CertificatePair(std::string path, std::string_view judges, Check check)
      : path_(std::move(path)), judges_(judges), check_(std::move(check)) {}

  // Reads it for the first time. The error names the path.
  Status start(WallTime wall);
  // True: what is used, or the count of refusals, is another one now.
  bool refresh(TimePoint now, WallTime wall);

  const front::TlsCertificatePtr& used() const { return used_; }  // not null once started
  CertificateView view() const { return {path_, used_->not_after(), refused_}; }

 private:
  struct Files {
    std::string chain, key;  // paths
  };
  Files files() const;
  Result<front::TlsCertificatePtr> read() const;

  std::string path_;
  std::string_view judges_;
  Check check_;
  std::string stamp_;  // of what was looked at last
  std::string wrong_;  // why that is not used; empty: it is
  TimePoint look_again_{};
  front::TlsCertificatePtr used_;
  std::uint64_t refused_ = 0;
};

}  // namespace sidestep::sidecar
