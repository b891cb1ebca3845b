#include "sidecar/io/tls_keeper.h"

#include "lib/base/log.h"
#include "sidecar/io/small_file.h"

namespace sidestep::sidecar {
namespace {

constexpr Millis kLook{1'000};
// Each key encrypts for half a lifetime and is understood for a whole one after that.
constexpr std::size_t kTicketKeys = 3;

// Does TLS take it? (a key may be too short)
Status takes_as_server(const front::TlsCertificatePtr& certificate) {
  front::TlsServerSettings alone;
  alone.certificates = {certificate};
  const auto tried = front::TlsServer::make(std::move(alone));
  return tried ? Status() : Status(tried.error());
}

}  // namespace

TlsKeeper::TlsKeeper(EventLoop& loop, const Clock& clock, const TlsOptions& options, Seconds session_lifetime,
                     Publish publish)
    : loop_(loop),
      clock_(clock),
      options_(options),
      session_lifetime_(session_lifetime),
      publish_(std::move(publish)),
      look_timer_([this] { look(); }),
      key_timer_([this] {
        renew_keys();
        (void)this->publish();
      }) {
  for (const std::string& path : options_.certificates) pairs_.emplace_back(path, "clients", takes_as_server);
}

Status TlsKeeper::start(TicketKeys tickets) {
  for (CertificatePair& pair : pairs_) {
    if (Status read = pair.start(clock_.wall()); !read) return read;
  }
  if (Status read = read_client_ca(); !read) return read;
  tickets_ = std::move(tickets);
  if (session_lifetime_.count() == 0)
    tickets_ = {};
  else if (tickets_.keys.empty())
    renew_keys();
  else
    loop_.arm_at(key_timer_, tickets_.renew_at);
  if (Status published = publish(); !published) return published;
  loop_.arm(look_timer_, kLook);
  return {};
}

Status TlsKeeper::read_client_ca() {
  if (options_.client_ca.empty()) return {};
  client_ca_stamp_ = stamp_of({options_.client_ca});
  Result<std::string> text = read_small_file(options_.client_ca);
  if (!text) return text.error();
  client_ca_ = *std::move(text);
  return {};
}

bool TlsKeeper::refresh_client_ca() {
  if (options_.client_ca.empty() || stamp_of({options_.client_ca}) == client_ca_stamp_) return false;
  const std::string before = client_ca_;
  if (const Status read = read_client_ca(); !read) {
    log::error("the authorities of clients cannot be read; the last ones are kept",
               {{"path", options_.client_ca}, {"reason", read.error().detail}});
    return false;
  }
  if (client_ca_ == before) return false;
  front::TlsServerSettings alone;
  alone.certificates = {pairs_.front().used()};
  alone.client_ca = client_ca_;
  if (const auto tried = front::TlsServer::make(std::move(alone)); !tried) {
    log::error("the authorities of clients are refused; the last ones are kept",
               {{"path", options_.client_ca}, {"reason", tried.error().detail}});
    client_ca_ = before;
    return false;
  }
  log::info("authorities of clients read", {{"path", options_.client_ca}});
  return true;
}

void TlsKeeper::look() {
  loop_.arm(look_timer_, kLook);
  bool changed = false;
  for (CertificatePair& pair : pairs_) changed = pair.refresh(loop_.now(), clock_.wall()) || changed;
  changed = refresh_client_ca() || changed;
  if (!changed) return;
  if (const Status published = publish(); !published) {
    log::error("new TLS terms are refused", {{"reason", published.error().detail}});
  }
}

void TlsKeeper::renew_keys() {
  tickets_.keys.insert(tickets_.keys.begin(), front::random_ticket_key());
  if (tickets_.keys.size() > kTicketKeys) tickets_.keys.pop_back();
  tickets_.renew_at = loop_.now() + std::chrono::duration_cast<Millis>(session_lifetime_) / 2;
  loop_.arm_at(key_timer_, tickets_.renew_at);
}

Status TlsKeeper::publish() {
  front::TlsServerSettings settings;
  std::vector<CertificateView> views;
  for (const CertificatePair& pair : pairs_) {
    settings.certificates.push_back(pair.used());
    views.push_back(pair.view());
  }
  settings.client_ca = client_ca_;
  settings.client_required = options_.client_required;
  settings.h2 = true;
  settings.tickets = tickets_.keys;
  settings.ticket_lifetime = session_lifetime_;
  Result<front::TlsServerPtr> terms = front::TlsServer::make(std::move(settings));
  if (!terms) return terms.error();
  publish_(*std::move(terms), std::move(views));
  return {};
}

}  // namespace sidestep::sidecar
