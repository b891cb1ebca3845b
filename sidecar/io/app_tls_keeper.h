// Keeps the terms of TLS to the app up to date: reads the authorities and the certificate that the app is
// shown, looks for changed files once a second. What cannot be read, holds no authority or is a worse
// certificate (certificate_pair.h) never takes the place of what works.
//
// Speaks no TLS itself. Reads files, on the control thread only.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/clock.h"
#include "lib/front/tls.h"
#include "lib/loop/event_loop.h"
#include "sidecar/config/options.h"
#include "sidecar/io/certificate_pair.h"

namespace sidestep::sidecar {

// For connections from now on. Null: no TLS is spoken.
struct AppTlsTerms {
  front::TlsClientPtr traffic;  // what the app speaks
  front::TlsClientPtr http1;    // for probes that ask by HTTP/1.1

  bool speaks_h2() const { return traffic != http1; }
};

inline constexpr std::string_view kAppChoosesNoH2 =
    "the app does not choose h2 (ALPN); is it --app-protocol http1?";

class AppTlsKeeper {
 public:
  // What is shown of the app's certificate: at most one.
  using Publish = std::function<void(const AppTlsTerms&, std::vector<CertificateView>)>;

  // REQUIRES: options.app_tls.on. `options` and `clock` must outlive it.
  AppTlsKeeper(EventLoop& loop, const Clock& clock, const Options& options, Publish publish);

  // Reads, publishes, and goes on looking. The error names the file.
  Status start();

 private:
  bool reads_authorities() const;
  Status read_authorities();
  Result<AppTlsTerms> make() const;
  void publish(const AppTlsTerms& terms) const;
  bool refresh_authorities();
  void look();

  EventLoop& loop_;
  const Clock& clock_;
  const Options& options_;
  const Publish publish_;
  std::optional<CertificatePair> pair_;
  std::string authorities_;  // the text
  std::string stamp_;        // of the authorities that were looked at last
  FunctionTimer look_timer_;
};

}  // namespace sidestep::sidecar
