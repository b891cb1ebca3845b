#include "sidecar/io/app_tls_keeper.h"

#include <utility>

#include "lib/base/log.h"
#include "sidecar/io/small_file.h"

namespace sidestep::sidecar {
namespace {

constexpr Millis kLookAtFiles{1'000};
using Trust = front::TlsClientSettings::Trust;

// Does TLS take it? (a key may be too short)
Status takes_as_client(const front::TlsCertificatePtr& certificate) {
  front::TlsClientSettings alone;
  alone.trust = Trust::kNothing;
  alone.certificate = certificate;
  const auto tried = front::TlsClient::make(alone);
  return tried ? Status() : Status(tried.error());
}

}  // namespace

AppTlsKeeper::AppTlsKeeper(EventLoop& loop, const Clock& clock, const Options& options, Publish publish)
    : loop_(loop),
      clock_(clock),
      options_(options),
      publish_(std::move(publish)),
      look_timer_([this] { look(); }) {
  if (!options_.app_tls.certificate.empty()) pair_.emplace(options_.app_tls.certificate, "the app", takes_as_client);
}

bool AppTlsKeeper::reads_authorities() const {
  return !options_.app_tls.ca.empty() && options_.app_tls.ca != kSystemAuthorities;
}

Status AppTlsKeeper::start() {
  if (pair_) {
    if (Status read = pair_->start(clock_.wall()); !read) return read;
  }
  if (Status read = read_authorities(); !read) return read;
  const Result<AppTlsTerms> terms = make();
  if (!terms) return terms.error();
  publish(*terms);
  if (pair_ || reads_authorities()) loop_.arm(look_timer_, kLookAtFiles);
  return {};
}

// One that cannot be read is tried again with the next look, as it is.
Status AppTlsKeeper::read_authorities() {
  if (!reads_authorities()) return {};
  const std::string stamp = stamp_of({options_.app_tls.ca});
  Result<std::string> text = read_small_file(options_.app_tls.ca);
  if (!text) return text.error();
  stamp_ = stamp;
  authorities_ = *std::move(text);
  return {};
}

Result<AppTlsTerms> AppTlsKeeper::make() const {
  const AppTlsOptions& wanted = options_.app_tls;
  front::TlsClientSettings settings;
  settings.name = wanted.name;
  settings.trust = wanted.ca.empty() ? Trust::kNothing : reads_authorities() ? Trust::kGiven : Trust::kSystem;
  settings.ca = authorities_;
  if (pair_) settings.certificate = pair_->used();
  AppTlsTerms terms;
  for (const bool h2 : {false, true}) {
    settings.h2 = h2;
    Result<front::TlsClientPtr> made = front::TlsClient::make(settings);
    if (!made) return invalid((reads_authorities() ? wanted.ca : "--app-tls") + ": " + made.error().detail);
    (h2 ? terms.traffic : terms.http1) = *std::move(made);
    if (!is_h2(options_.app_protocol)) break;
  }
  if (terms.traffic == nullptr) terms.traffic = terms.http1;
  return terms;
}

void AppTlsKeeper::publish(const AppTlsTerms& terms) const {
  publish_(terms, pair_ ? std::vector<CertificateView>{pair_->view()} : std::vector<CertificateView>());
}

// True: they are others now, and TLS takes them.
bool AppTlsKeeper::refresh_authorities() {
  if (!reads_authorities() || stamp_of({options_.app_tls.ca}) == stamp_) return false;
  const std::string before = authorities_;
  Status done = read_authorities();
  if (done) {
    if (const Result<AppTlsTerms> tried = make(); !tried) done = tried.error();
  }
  if (done) {
    log::info("authorities of the app read", {{"path", options_.app_tls.ca}});
    return true;
  }
  authorities_ = before;
  log::error("the authorities of the app are refused; the last ones are kept",
             {{"path", options_.app_tls.ca}, {"reason", done.error().detail}});
  return false;
}

void AppTlsKeeper::look() {
  loop_.arm(look_timer_, kLookAtFiles);
  bool changed = pair_ && pair_->refresh(loop_.now(), clock_.wall());
  changed = refresh_authorities() || changed;
  if (!changed) return;
  if (const Result<AppTlsTerms> terms = make()) publish(*terms);
}

}  // namespace sidestep::sidecar
