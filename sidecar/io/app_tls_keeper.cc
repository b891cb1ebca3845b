#include "sidecar/io/app_tls_keeper.h"

#include <utility>

#include "lib/base/log.h"
#include "sidecar/io/small_file.h"

namespace sidestep::sidecar {
namespace {

constexpr Millis kLookAtAuthorities{1'000};
using Trust = front::TlsClientSettings::Trust;

}  // namespace

AppTlsKeeper::AppTlsKeeper(EventLoop& loop, const Options& options, Publish publish)
    : loop_(loop), options_(options), publish_(std::move(publish)), look_timer_([this] { look(); }) {}

bool AppTlsKeeper::reads_file() const {
  return !options_.app_tls.ca.empty() && options_.app_tls.ca != kSystemAuthorities;
}

Status AppTlsKeeper::start() {
  const Result<AppTlsTerms> terms = read();
  if (!terms) return terms.error();
  publish_(*terms);
  if (reads_file()) loop_.arm(look_timer_, kLookAtAuthorities);
  return {};
}

Result<AppTlsTerms> AppTlsKeeper::read() {
  const AppTlsOptions& wanted = options_.app_tls;
  front::TlsClientSettings settings;
  settings.name = wanted.name;
  settings.trust = wanted.ca.empty() ? Trust::kNothing : reads_file() ? Trust::kGiven : Trust::kSystem;
  if (reads_file()) {
    const std::string stamp = stamp_of({wanted.ca});
    Result<std::string> text = read_small_file(wanted.ca);
    if (!text) return text.error();  // and tried again with the next look, as it is
    stamp_ = stamp;
    settings.ca = *std::move(text);
  }
  AppTlsTerms terms;
  for (const bool h2 : {false, true}) {
    settings.h2 = h2;
    Result<front::TlsClientPtr> made = front::TlsClient::make(settings);
    if (!made) return invalid((reads_file() ? wanted.ca : "--app-tls") + ": " + made.error().detail);
    (h2 ? terms.traffic : terms.http1) = *std::move(made);
    if (!is_h2(options_.app_protocol)) break;
  }
  if (terms.traffic == nullptr) terms.traffic = terms.http1;
  return terms;
}

void AppTlsKeeper::look() {
  loop_.arm(look_timer_, kLookAtAuthorities);
  if (stamp_of({options_.app_tls.ca}) == stamp_) return;
  const Result<AppTlsTerms> terms = read();
  if (!terms) {
    log::error("the authorities of the app are refused; the last ones are kept",
               {{"path", options_.app_tls.ca}, {"reason", terms.error().detail}});
    return;
  }
  log::info("authorities of the app read", {{"path", options_.app_tls.ca}});
  publish_(*terms);
}

}  // namespace sidestep::sidecar
