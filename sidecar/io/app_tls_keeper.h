// Keeps the terms of TLS to the app up to date: reads the authorities, looks for a changed file once a
// second. A file that cannot be read or holds no authority never takes the place of one that works.
//
// Speaks no TLS itself. Reads files, on the control thread only.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "lib/front/tls.h"
#include "lib/loop/event_loop.h"
#include "sidecar/config/options.h"

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
  using Publish = std::function<void(const AppTlsTerms&)>;

  // REQUIRES: options.app_tls.on. `options` must outlive it.
  AppTlsKeeper(EventLoop& loop, const Options& options, Publish publish);

  // Reads, publishes, and goes on looking. The error names the file.
  Status start();

 private:
  bool reads_file() const;
  Result<AppTlsTerms> read();
  void look();

  EventLoop& loop_;
  const Options& options_;
  const Publish publish_;
  std::string stamp_;  // of what was looked at last
  FunctionTimer look_timer_;
};

}  // namespace sidestep::sidecar
